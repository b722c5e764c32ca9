/**
 * Plays an application's own handlers on virtual time, against seeds of crashes, lost responses and store faults. The same
 * seed is the same story, step by step.
 *
 * @module
 */
import { memory } from "../../../adapters/memory.ts";
import { anObject, anything, aFunction, check, whole, wrong, type Rules } from "../../checks.ts";
import { sleep } from "../../clock.ts";
import { isLifecycleError } from "../../errors.ts";
import { Handler } from "../../sandbox/handler.ts";
import { readOptions } from "../../sandbox/options/sandbox-options.ts";
import { sandboxOver } from "../../sandbox/create-sandbox.ts";
import { World as SandboxWorld } from "../../sandbox/state/world.ts";
import { instrumented } from "../instrumented.ts";
import { openProcess } from "../open-process.ts";
import { SteeredTime } from "../test-clock.ts";
import { TestProcess } from "../test-process.ts";
import type { SimulateOptions, SimulationReport, World } from "./options.ts";
import { Dice, Weather } from "./weather.ts";

const hour = 3_600_000;
const beginning = Date.UTC(2026, 0, 1);
/** Everything goes wrong for so long; then nothing does. */
const troubleMs: number = hour;
/** A scenario that takes longer has no end. */
const longestMs: number = 30 * 24 * hour;
/** Lines of the trace in an error's message. */
const lastLines = 30;

/**
 * A seed whose scenario threw. `cause` is what it threw.
 *
 * @example
 * ```ts
 * import { simulate, SimulationError } from "oneup-lifecycle/testing/simulate";
 *
 * try {
 *   await simulate({
 *     async scenario({ process }) {
 *       let mails = 0;
 *       await process(({ step }) => step("sends a mail", () => void mails++));
 *       if (mails > 1) throw new Error(`${mails} mails were sent`);
 *     },
 *   });
 * } catch (error) {
 *   if (error instanceof SimulationError) console.log(error.seed, error.trace); // a process that died after its step
 * }
 * ```
 */
export class SimulationError extends Error {
  override readonly name = "SimulationError";
  readonly seed: number;
  /** What happened, line by line. */
  readonly trace: readonly string[];

  constructor(seed: number, trace: readonly string[], cause: unknown) {
    const last = trace.slice(-lastLines);
    const skipped = trace.length > last.length ? [`… ${trace.length - last.length} lines before`] : [];
    const message = [
      `Seed ${seed}: ${String(cause)}`,
      ...skipped,
      ...last,
      `Replay it with seeds: [${seed}]`,
    ];
    super(message.join("\n"), { cause });
    this.seed = seed;
    this.trace = trace;
  }
}

/**
 * Plays a scenario in many seeds. Its processes die at any moment, their calls and responses are lost, the store refuses;
 * after an hour of virtual time nothing goes wrong any more, and each process comes to its end.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { simulate } from "oneup-lifecycle/testing/simulate";
 *
 * await simulate({
 *   seeds: 20,
 *   async scenario({ process, sandbox }) {
 *     await process(async ({ lifecycle }) => {
 *       await lifecycle.onboard("ada");
 *     });
 *     assert.deepEqual(sandbox.journal.createdTwice(), []);
 *   },
 * });
 * ```
 * @throws {SimulationError} for the first seed whose scenario throws, or does not end within 30 days of virtual time;
 * `INVALID_OPTION`
 */
export async function simulate(options: SimulateOptions): Promise<SimulationReport> {
  const seeds = checked(options);
  let [crashes, refusals, calls] = [0, 0, 0];
  for (const seed of seeds) {
    const story = storyOf(seed, options);
    try {
      await story.play();
    } catch (cause) {
      throw new SimulationError(seed, story.trace(), cause);
    }
    crashes += story.weather.deaths;
    refusals += story.weather.refusals;
    calls += story.sandbox.journal.count();
  }
  return { seeds: seeds.length, crashes, refusals, calls };
}

/** One seed. */
function storyOf(seed: number, options: SimulateOptions) {
  const weather = new Weather(seed);
  const dice = new Dice(seed, 2);
  const random = (): number => dice.next();
  const notes: (readonly [at: number, text: string])[] = [];
  /** Processes that are up. */
  const up = new Set<TestProcess>();
  const isBusy = (): boolean => [...up].some(({ isAsking }) => isAsking);
  const clock = new SteeredTime({ now: beginning, seed, autoAdvance: true, isBusy });
  const given = { ...weather.sandbox, ...options.sandbox, seed, clock, waitOn: "clock" } as const;
  const handler = new Handler(new SandboxWorld(readOptions(given)));
  const sandbox = sandboxOver(handler);
  const store = memory();
  let processes = 0;
  /** Processes that have not come to their end. */
  let left = 0;

  function note(label: string, text: string): void {
    notes.push([clock.now(), `${label}  ${text}`]);
  }

  /** What happened, with the calls that arrived. */
  function trace(): readonly string[] {
    const calls = sandbox.journal.entries().map(({ at, call, appUserId = "", status, outcome, fault }) => {
      const by = fault === undefined ? "" : ` (${fault})`;
      return [at, `1up   ${call} ${appUserId}: ${status} ${outcome}${by}`] as const;
    });
    const all = [...notes, ...calls].toSorted(([one], [other]) => one - other);
    return all.map(([at, text]) => `${new Date(at).toISOString().slice(11, -1)} ${text}`);
  }

  async function play(): Promise<void> {
    for (const fault of weather.faults) sandbox.fail(fault);
    clock.timer(troubleMs, () => {
      weather.isCalm = true;
      sandbox.clearFaults();
    });
    const tooLong = new Promise<never>((_, reject) => {
      clock.timer(longestMs, () => reject(new Error("The scenario does not end within 30 days")));
    });
    const process: World["process"] = async (run) => {
      left++;
      await liveOn(`p${++processes}`, run).finally(() => left--);
    };
    const world: World = { seed, sandbox, clock, random, process };
    const played = Promise.race([(async () => options.scenario(world))(), tooLong]);
    const stop = clock.waitFor(played);
    try {
      await played;
      if (processes === 0) throw new Error("The scenario ran no process: await process(…)");
      if (left > 0) throw new Error("The scenario ended before its processes: await each process(…)");
    } finally {
      stop();
      for (const process of up) process.end();
    }
  }

  /** Lets a process live again and again until it returns. */
  async function liveOn(name: string, run: Run): Promise<void> {
    for (let life = 0; ; life++) {
      const label = `${name}.${life + 1}`;
      const process = new TestProcess(clock, (steps) => weather.strike(steps));
      up.add(process);
      const died = new Promise<"dies">((resolve) => process.whenOver(() => resolve("dies")));
      note(label, "starts");
      const how = await Promise.race([died, live(label, life, process, run)]);
      note(label, how);
      up.delete(process);
      process.end();
      if (how === "is done") return;
      await sleep(clock, dice.pick([1_000, 5_000, 60_000]));
    }
  }

  /** How the life ended; a process that died never resolves. */
  async function live(label: string, life: number, process: TestProcess, run: Run): Promise<string> {
    try {
      const { lifecycle } = await openProcess(options.lifecycle, { handler, sandbox, store, process });
      await run({
        lifecycle: instrumented(lifecycle, { life: process, time: null }),
        clock: process.clock,
        random,
        life,
        step: (name, effect) =>
          process.step(() => {
            note(label, name);
            return effect();
          }),
      });
      return "is done";
    } catch (error) {
      if (isLifecycleError(error) && error.retryable) return `fails, and is tried again: ${String(error)}`;
      note(label, String(error));
      throw error;
    }
  }

  return { weather, sandbox, play, trace };
}

type Run = Parameters<World["process"]>[0];

const task = "simulate";
const rules: Rules<SimulateOptions> = {
  seeds: anything,
  scenario: aFunction,
  lifecycle: anObject,
  sandbox: anObject,
};

/** The seeds to play. @throws {LifecycleError} `INVALID_OPTION` */
function checked(options: SimulateOptions): readonly number[] {
  const { seeds = 100, scenario } = check(task, options, rules);
  if (scenario === undefined) throw wrong(task, "scenario", aFunction.must, scenario);
  const list = typeof seeds === "number" ? Array.from({ length: seeds }, (_, index) => index + 1) : seeds;
  const seed = whole(1, 2 ** 40);
  const isList = typeof seeds === "number" ? whole(1, 1_000_000).holds(seeds) : Array.isArray(list);
  if (!isList || list.length === 0 || !list.every((one) => seed.holds(one)))
    throw wrong(task, "seeds", "a number of seeds, or a list of seeds from 1 on", seeds);
  return list;
}
