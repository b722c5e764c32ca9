/** A store beside tables in memory: both play the same random sequences. */
import { inspect, isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { systemClock, type Clock } from "../../src/clock.ts";
import type { Store } from "../../src/store/contract.ts";
import { memoryTables } from "../../src/store/table-store/memory-tables.ts";
import { ServerTime } from "../../src/store/server-time.ts";
import type { Time } from "../../src/store/steady-time.ts";
import { tableStore } from "../../src/store/table-store/table-store.ts";
import type { Tables } from "../../src/store/table-store/tables.ts";
import { manualClock } from "../../src/testing/index.ts";
import { thorough } from "../support/effort.ts";
import { answerOf, keptBy, Past, sequences, type Call, type Mix, type Step } from "./sequences.ts";

/** Plays a sequence; rejects at the first difference. */
export type Play = (steps: readonly Step[]) => Promise<void>;

/** A store whose time a test can set. */
export interface Tested {
  readonly name: string;
  open(account: string, clock: Clock): Promise<Store>;
  /** What time it is for this account from now on. */
  tellTime(account: string, now: number): Promise<unknown>;
}

/**
 * Plays on an empty store, each sequence in an account of its own: a play that was interrupted may go on. Of commits that
 * follow each other, `together` are asked for at once; in memory one after the other.
 */
export function player({ name, open, tellTime }: Tested, together = 1): Play {
  let plays = 0;
  return async (steps) => {
    const account = `play ${plays++}`;
    const clock = manualClock();
    /** What a server does once its clock was set back depends on when a process hears so: server-clock-back.test.ts. */
    let unheardMs = 0;
    const monotonic = (): number => clock.monotonic() + unheardMs;
    await tellTime(account, clock.now());
    const { events, ...others } = inMemory({ ...clock, monotonic });
    // Its time-outs are not those of the story.
    const tested = await open(account, { ...systemClock, monotonic });
    await keptBy(tested); // it hears what time it is
    const reference: Store = tested.events === undefined ? others : { ...others, events };
    const past = new Past();
    const story: Told[] = [];
    for (const turn of turns(steps, together)) {
      const calls: Call[] = [];
      for (const step of turn) {
        if (step.verb === "wait" || step.verb === "jump") {
          if (step.verb === "wait") await clock.advance(step.ms);
          else clock.jumpTo(clock.now() + step.ms);
          if (step.verb === "jump") unheardMs += Math.min(0, step.ms);
          await tellTime(account, clock.now());
          continue;
        }
        const call = past.call(step);
        if (call !== undefined) calls.push(call);
      }
      const answers: unknown[] = [];
      for (const call of calls) {
        answers.push(await answerOf(reference, call));
        story.push({ atMs: clock.monotonic(), call, answer: answers.at(-1) });
      }
      const kept = await keptBy(reference);
      // What rejects here alone is a difference like any other.
      const failed = (error: unknown): unknown => ({ error });
      const tried = await Promise.all(calls.map((call) => answerOf(tested, call).catch(failed)));
      same(name, story, "answer", answers, tried);
      same(name, story, "keep", kept, await keptBy(tested).catch(failed));
      for (const [n, call] of calls.entries()) past.note(call, answers[n], kept);
    }
    await tested.close();
  };
}

/** A store in memory on a server's time: when that jumps, its time does. */
function inMemory(clock: Clock): Required<Omit<Store, "join">> {
  const tables = memoryTables();
  const time = new ServerTime(clock);
  time.observe(clock.now(), clock.monotonic());
  const run = <T>(unit: (tables: Tables, time: Time) => T): T => {
    const now = clock.now();
    time.observe(now, clock.monotonic());
    return unit(tables, { now, past: { ...time.past, since: 0 } });
  };
  return tableStore({ write: async (unit) => run(unit), read: run, close: async () => {} });
}

/** The steps, those together that are asked for at once. */
function turns(steps: readonly Step[], together: number): readonly (readonly Step[])[] {
  const all: Step[][] = [];
  for (const step of steps) {
    const last = all.at(-1);
    if (last !== undefined && last.length < together && [step, ...last].every(isIndependent)) last.push(step);
    else all.push([step]);
  }
  return all;
}

/** May it be asked for beside others of its kind? With `unless`, the answer depends on which of them comes first. */
function isIndependent(step: Step): boolean {
  return step.verb === "commit" && step.change.unless === undefined;
}

/** A call of a sequence, with the answer of the reference. */
interface Told {
  readonly atMs: number;
  readonly call: Call;
  readonly answer: unknown;
}

/** Throws, with all that led there, where the last call made a difference. */
function same(
  name: string,
  story: readonly Told[],
  what: "answer" | "keep",
  reference: unknown,
  tested: unknown,
): void {
  if (isDeepStrictEqual(reference, tested)) return;
  const shown = (value: unknown): string =>
    inspect(value, { depth: null, breakLength: Infinity, compact: true });
  const calls = story.map(
    ({ atMs, call, answer }) => `${atMs} ms: ${call.verb}(${shown(call.ask)}) → ${shown(answer)}`,
  );
  const both = [`memory: ${shown(reference)}`, `${name}: ${shown(tested)}`];
  throw new Error([`After these calls the stores ${what} differently`, ...calls, ...both].join("\n"));
}

/** Looks for a sequence that fails, within a time limit; then for a short one, which takes time of its own. */
export async function search(mix: Mix, play: Play): Promise<void> {
  const property = fc.asyncProperty(sequences(mix), play);
  const found = await fc.check(property, { numRuns: thorough ? 300 : 30, interruptAfterTimeLimit: 3_000 });
  if (found.interrupted && found.numRuns === 0) return fc.assert(property, { numRuns: 1 }); // a busy machine plays one
  if (!found.failed) return;
  const { seed, counterexamplePath } = found;
  const shrinking = { seed, path: counterexamplePath ?? "", interruptAfterTimeLimit: 15_000 };
  await fc.assert(property, shrinking);
  throw new Error(fc.defaultReportMessage(found) ?? "The stores differed once, and not again");
}
