/**
 * Rate limiters beside the library's guard, in the scene of `../exact.ts`: what does the server see?
 *
 * @module
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ceiling, fleet, throughLibrary } from "../exact.ts";
import type { Ceiling } from "../window-server.ts";
import type { Spent } from "../exact.ts";
import { inPlace } from "../places.ts";

/** What a process of a limiter is told. */
export interface Told extends Ceiling {
  readonly limiter: "rate-limiter-flexible" | "async-ratelimiter";
  readonly redis: string;
  readonly url: string;
  /** Calls under way, or waiting for their turn, at a time. */
  readonly atATime: number;
}

/** A line of the table. */
export interface Line {
  readonly name: string;
  readonly spent: Spent;
  /** Who waits is served by importance. */
  readonly lanes: boolean;
  /** It says when so many more calls will have been let through. */
  readonly forecast: boolean;
}

/** More than the limit, all processes together. */
const atATime = 40;

/** All of them at the same time: they mostly wait. */
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
