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
import type { Sandbox } from "../../sandbox/sandbox.ts";
import { World as SandboxWorld } from "../../sandbox/state/world.ts";
import { instrumented } from "../instrumented.ts";
import { openProcess } from "../open-process.ts";
import { SteeredTime } from "../test-clock.ts";
import { TestProcess } from "../test-process.ts";
import type { AppProcess, SimulateOptions, SimulationReport, World } from "./options.ts";
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
    const story = new Story(seed, options);
    try {
      await story.play();
    } catch (cause) {
      throw new SimulationError(seed, story.trace, cause);
    }
    crashes += story.weather.deaths;
    refusals += story.weather.refusals;
    calls += story.sandbox.journal.count();
  }
  return { seeds: seeds.length, crashes, refusals, calls };
}

/** One seed. */
class Story {
  readonly weather: Weather;
  readonly sandbox: Sandbox;
  readonly #seed: number;
  readonly #options: SimulateOptions;
  readonly #time: SteeredTime;
  readonly #handler: Handler;
  readonly #store = memory();
  readonly #dice: Dice;
  readonly #notes: (readonly [at: number, text: string])[] = [];
  /** Processes that are up. */
  readonly #up = new Set<TestProcess>();
  #processes = 0;
  /** Processes that have not come to their end. */
  #left = 0;

  constructor(seed: number, options: SimulateOptions) {
    this.#seed = seed;
    this.#options = options;
    this.weather = new Weather(seed);
    this.#dice = new Dice(seed, 2);
    const isBusy = (): boolean => [...this.#up].some(({ isAsking }) => isAsking);
    const clock = (this.#time = new SteeredTime({ now: beginning, seed, autoAdvance: true, isBusy }));
    const given = { ...this.weather.sandbox, ...options.sandbox, seed, clock, waitOn: "clock" } as const;
    this.#handler = new Handler(new SandboxWorld(readOptions(given)));
    this.sandbox = sandboxOver(this.#handler);
  }

  /** What happened, with the calls that arrived. */
  get trace(): readonly string[] {
    const calls = this.sandbox.journal
      .entries()
      .map(({ at, call, appUserId = "", status, outcome, fault }) => {
        return [
          at,
          `1up   ${call} ${appUserId}: ${status} ${outcome}${fault === undefined ? "" : ` (${fault})`}`,
        ] as const;
      });
    const all = [...this.#notes, ...calls].toSorted(([one], [other]) => one - other);
    return all.map(([at, text]) => `${new Date(at).toISOString().slice(11, -1)} ${text}`);
  }

  async play(): Promise<void> {
    const time = this.#time;
    for (const fault of this.weather.faults) this.sandbox.fail(fault);
    time.timer(troubleMs, () => {
      this.weather.isCalm = true;
      this.sandbox.clearFaults();
    });
    const tooLong = new Promise<never>((_, reject) => {
      time.timer(longestMs, () => reject(new Error("The scenario does not end within 30 days")));
    });
    const world: World = {
      seed: this.#seed,
      sandbox: this.sandbox,
      clock: time,
      random: () => this.#dice.next(),
      process: async (run) => {
        this.#left++;
        await this.#process(`p${++this.#processes}`, run).finally(() => this.#left--);
      },
    };
    const played = Promise.race([(async () => this.#options.scenario(world))(), tooLong]);
    const stop = time.waitFor(played);
    try {
      await played;
      if (this.#processes === 0) throw new Error("The scenario ran no process: await process(…)");
      if (this.#left > 0) throw new Error("The scenario ended before its processes: await each process(…)");
    } finally {
      stop();
      for (const process of this.#up) process.end();
    }
  }

  /** Lets a process live again and again until it returns. */
  async #process(name: string, run: (process: AppProcess) => void | Promise<void>): Promise<void> {
    for (let life = 0; ; life++) {
      const label = `${name}.${life + 1}`;
      const process = new TestProcess(this.#time, (steps) => this.weather.strike(steps));
      this.#up.add(process);
      const died = new Promise<"dies">((resolve) => process.whenOver(() => resolve("dies")));
      this.#note(label, "starts");
      const how = await Promise.race([died, this.#live(label, life, process, run)]);
      this.#note(label, how);
      this.#up.delete(process);
      process.end();
      if (how === "is done") return;
      await sleep(this.#time, this.#dice.pick([1_000, 5_000, 60_000]));
    }
  }

  /** How the life ended; a process that died never resolves. */
  async #live(
    label: string,
    life: number,
    process: TestProcess,
    run: (process: AppProcess) => void | Promise<void>,
  ): Promise<string> {
    try {
      const parts = { handler: this.#handler, sandbox: this.sandbox, store: this.#store, process };
      const { lifecycle } = await openProcess(this.#options.lifecycle, parts);
      await run({
        lifecycle: instrumented(lifecycle, { life: process, time: null }),
        clock: process.clock,
        random: () => this.#dice.next(),
        life,
        step: (name, effect) =>
          process.step(() => {
            this.#note(label, name);
            return effect();
          }),
      });
      return "is done";
    } catch (error) {
      if (isLifecycleError(error) && error.retryable) return `fails, and is tried again: ${String(error)}`;
      this.#note(label, String(error));
      throw error;
    }
  }

  #note(label: string, text: string): void {
    this.#notes.push([this.#time.now(), `${label}  ${text}`]);
  }
}

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
