/** The scripts of Redis say in Lua what `src/store` says in TypeScript; here both play the same random sequences. */
import { inspect, isDeepStrictEqual } from "node:util";
import { createClient } from "@keyv/redis";
import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { memory } from "../../adapters/memory.ts";
import { redis } from "../../adapters/redis.ts";
import { scripts } from "../../adapters/redis/scripts.ts";
import { systemClock } from "../../src/clock.ts";
import { manualClock } from "../../src/testing/index.ts";
import { withServer } from "../support/servers.ts";
import { serversTime, steered } from "../support/steered-redis.ts";
import { answerOf, keptBy, Past, sequences } from "./sequences.ts";
import type { Call, Mix, Step } from "./sequences.ts";

/** Plays a sequence; rejects at the first difference. */
type Play = (steps: readonly Step[]) => Promise<void>;

/** Plays on an empty server, each sequence in an account of its own: a play that was interrupted may go on. */
async function player(url: string): Promise<Play> {
  const client = await createClient({ url }).connect();
  onTestFinished(() => client.destroy());
  let clock = manualClock();
  const adapter = redis(steered(client, () => clock.now()));
  let plays = 0;
  return async (steps) => {
    const account = `play ${plays++}`;
    clock = manualClock();
    const reference = await memory().open({ account, clock });
    const tested = await adapter.open({ account, clock: systemClock });
    const past = new Past();
    const story: Told[] = [];
    for (const step of steps) {
      if (step.verb === "wait") {
        await clock.advance(step.ms);
        continue;
      }
      const call = past.call(step);
      if (call === undefined) continue;
      const answer = await answerOf(reference, call);
      const kept = await keptBy(reference);
      story.push({ atMs: clock.monotonic(), call, answer });
      // What rejects here alone is a difference like any other.
      same(story, "answer", answer, await answerOf(tested, call).catch((error: unknown) => ({ error })));
      same(story, "keep", kept, await keptBy(tested).catch((error: unknown) => ({ error })));
      past.note(call, answer, kept);
    }
  };
}

/** A call of a sequence, with the answer of the reference. */
interface Told {
  readonly atMs: number;
  readonly call: Call;
  readonly answer: unknown;
}

/** Throws, with all that led there, where the last call made a difference. */
function same(story: readonly Told[], what: "answer" | "keep", reference: unknown, tested: unknown): void {
  if (isDeepStrictEqual(reference, tested)) return;
  const shown = (value: unknown): string =>
    inspect(value, { depth: null, breakLength: Infinity, compact: true });
  const calls = story.map(
    ({ atMs, call, answer }) => `${atMs} ms: ${call.verb}(${shown(call.ask)}) → ${shown(answer)}`,
  );
  const both = [`memory: ${shown(reference)}`, `redis:  ${shown(tested)}`];
  throw new Error([`After these calls the stores ${what} differently`, ...calls, ...both].join("\n"));
}

/** Looks for a sequence that fails, within a time limit; then for a short one, which takes time of its own. */
async function search(mix: Mix, play: Play): Promise<void> {
  const property = fc.asyncProperty(sequences(mix), play);
  const found = await fc.check(property, { numRuns: 300, interruptAfterTimeLimit: 3_000 });
  if (!found.failed) return;
  const { seed, counterexamplePath } = found;
  const shrinking = { seed, path: counterexamplePath ?? "", interruptAfterTimeLimit: 15_000 };
  await fc.assert(property, shrinking);
  throw new Error(fc.defaultReportMessage(found) ?? "The stores differed once, and not again");
}

withServer("redis", "adapters/redis beside adapters/memory", (server) => {
  it("redis() asks the server for the time in one place of every script, where a test can set it", () => {
    for (const { text } of Object.values(scripts)) expect(text.split(serversTime)).toHaveLength(2);
  });

  it("commit(), move() and claim() answer and keep the same as in memory", async () => {
    await search({ records: 3, slots: 1 }, await player((await server({ appendonly: "no" })).url));
  });

  it("grant(), take(), settle(), giveBack() and forecast() answer and keep the same as in memory", async () => {
    await search({ records: 1, slots: 1 }, await player((await server({ appendonly: "no" })).url));
  });
});
