/**
 * The kill test of `../crash.ts` for each compared program.
 *
 * @module
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { crash, type Crashed, type Provider, users } from "../crash.ts";
import { inPlace } from "../places.ts";
import { inLoops, median } from "../rounds.ts";
import type { Contender } from "./contenders.ts";
import type { Told } from "./side.ts";

/** The outcome for the 2,000 users. */
export interface Outcome extends Crashed {
  /** Users that were given up. */
  readonly failed: number;
  /** Users that were reported as done, with a token that does not work. */
  readonly lost: number;
}

const atATime = 64;
/** When a dead process is detected, in ms, where that can be configured. */
const leaseMs = 2_000;

/** User counts summed over all crashes; the median of the times. `undefined` if the server is not available. */
export async function crashes(contender: Contender, times: number): Promise<Outcome | undefined> {
  const outcomes: Outcome[] = [];
  for (let index = 0; index < times; index++) {
    outcomes.push(
      ...(await inPlace(contender.kind, contender.name, async ({ address }) => [
        await crashed(contender, address),
      ])),
    );
  }
  if (outcomes.length === 0) return undefined;
  const sum = (of: Exclude<keyof Outcome, "allDoneMs">): number =>
    outcomes.reduce((total, outcome) => total + outcome[of], 0);
  return {
    createdTwice: sum("createdTwice"),
    failed: sum("failed"),
    lost: sum("lost"),
    allDoneMs: median(outcomes.map(({ allDoneMs }) => allDoneMs)),
  };
}

function crashed({ module }: Contender, server: string): Promise<Outcome> {
  const application = fileURLToPath(new URL("application.mjs", import.meta.url));
  return crash(
    (provider) => {
      const told: Told = { provider: { ...provider, connections: atATime }, server, atATime, leaseMs, users };
      return fork(application, [module, JSON.stringify(told)], { execArgv: ["--no-warnings"] });
    },
    async (provider, application) => {
      const [message] = (await once(application, "message")) as [Record<string, string | null>]; // the application's message
      const tokens = Object.values(message);
      const given = tokens.filter((token) => token !== null);
      return { failed: tokens.length - given.length, lost: await withoutAccess(provider, given) };
    },
  );
}

async function withoutAccess({ url }: Provider, tokens: readonly string[]): Promise<number> {
  let lost = 0;
  await inLoops(tokens, atATime, async (token) => {
    const { ok } = await fetch(`${url}/r4/Patient`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ resourceType: "Patient" }),
    });
    if (!ok) lost++;
  });
  return lost;
}
