/**
 * Compares rate limiters with the library's, in the setup of `../exact.ts`, by what the server sees.
 *
 * @module
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ceiling, fleet, throughLibrary, type Spent } from "../exact.ts";
import type { Ceiling } from "../window-server.ts";
import { inPlace } from "../places.ts";

/** Input of a limiter's process. */
export interface Told extends Ceiling {
  readonly limiter: "rate-limiter-flexible" | "async-ratelimiter";
  readonly redis: string;
  readonly url: string;
  /** Concurrent calls, in flight or waiting for permission. */
  readonly atATime: number;
}

/** A row of the table. */
export interface Line {
  readonly name: string;
  readonly spent: Spent;
  /** Whether waiting callers are served by priority. */
  readonly lanes: boolean;
  /** Whether it can forecast when more calls will be permitted. */
  readonly forecast: boolean;
}

/** Concurrent calls per process; above the limit for all processes together. */
const atATime = 40;

/** Runs all of them at the same time, because they mostly wait. */
export async function limiters(windows: number): Promise<readonly Line[]> {
  const ours = inPlace("redis", "limits", async (place) => [
    {
      name: "oneup-lifecycle on Redis",
      spent: await throughLibrary(place, windows),
      lanes: true,
      forecast: true,
    },
  ]);
  const others = (["rate-limiter-flexible", "async-ratelimiter"] as const).map((limiter) =>
    inPlace("redis", limiter, async ({ address }) => {
      const script = fileURLToPath(new URL("limiter.mjs", import.meta.url));
      const spent = await fleet(windows, async (url) => {
        const told: Told = { limiter, redis: address, url, ...ceiling, atATime };
        return () => fork(script, [JSON.stringify(told)], { execArgv: [] });
      });
      return [{ name: `${limiter} on Redis`, spent, lanes: false, forecast: false }];
    }),
  );
  return (await Promise.all([ours, ...others])).flat();
}
