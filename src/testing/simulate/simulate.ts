/**
 * Plays an application's own handlers on virtual time, against seeds of crashes, lost responses and store faults. The same
 * seed is the same story, step by step.
 *
 * @module
 */
import { memory } from "../../../adapters/memory.ts";
import { anObject, anything, aFunction, check, whole, wrong, type Rules, type Some } from "../../checks.ts";
import { sleep, type Clock } from "../../clock.ts";
import { isLifecycleError, storeUnavailable } from "../../errors.ts";
import { Handler } from "../../sandbox/handler.ts";
import { readOptions, type SandboxOptions } from "../../sandbox/options/sandbox-options.ts";
import { sandboxOver } from "../../sandbox/create-sandbox.ts";
import { World as SandboxWorld } from "../../sandbox/state/world.ts";
import { instrumented } from "../instrumented.ts";
import { openProcess } from "../test-lifecycle.ts";
import { SteeredTime, type TestClock } from "../test-clock.ts";
import { TestProcess, type Step, type Strike } from "../test-process.ts";
import { HandlerCalls } from "./handler-calls.ts";
import { Chance } from "../../sandbox/base/chance.ts";
import type { Fault } from "../../sandbox/faults/fault.ts";
import type { Lifecycle } from "../../runtime/lifecycle.ts";
import type { LifecycleOptions } from "../../runtime/options/lifecycle-options.ts";
import type { Sandbox } from "../../sandbox/sandbox.ts";

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
  /** Processes that are up, and what their handlers have begun. */
  const up = new Map<TestProcess, HandlerCalls>();
  const isBusy = (): boolean => [...up.keys()].some(({ isAsking }) => isAsking);
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
      clock.timer(longestMs, () => reject(new Error(`The scenario does not end within 30 days${hint()}`)));
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
      for (const process of up.keys()) process.end();
    }
  }

  /** Why it may not end: what its processes wait for. */
  function hint(): string {
    const isIdle = up.size > 0 && [...up.values()].every((calls) => calls.isIdle);
    if (isIdle)
      return ": its processes wait for no call, no step and no timer of their clocks. Virtual time does not wait for real time, such as that of a query or of a timer of the platform, outside of a step";
    const names = [...new Set([...up.values()].flatMap((calls) => calls.names))];
    return names.length === 0 ? "" : `: its processes are still at ${names.join(", ")}`;
  }

  /** Lets a process live again and again until it returns. */
  async function liveOn(name: string, run: Run): Promise<void> {
    let pauses = 1; // longer and longer once nothing goes wrong, so that a process that always fails is soon found
    for (let life = 0; ; life++) {
      const label = `${name}.${life + 1}`;
      const process = new TestProcess(clock, (steps) => weather.strike(steps));
      const calls = new HandlerCalls();
      up.set(process, calls);
      const died = new Promise<"dies">((resolve) => process.whenOver(() => resolve("dies")));
      note(label, "starts");
      const how = await Promise.race([died, live(label, life, { process, calls }, run)]);
      note(label, how);
      up.delete(process);
      process.end();
      if (how === "is done") return;
      await sleep(clock, dice.pick([1_000, 5_000, 60_000]) * pauses);
      if (weather.isCalm) pauses *= 4;
    }
  }

  /** How the life ended; a process that died never resolves. */
  async function live(label: string, life: number, { process, calls }: Up, run: Run): Promise<string> {
    try {
      const { lifecycle } = await openProcess(options.lifecycle, { handler, sandbox, store, process });
      const follow = calls.follow.bind(calls);
      const running = run({
        lifecycle: instrumented(lifecycle, { life: process, time: null, follow }),
        clock: calls.clockOf(process.clock),
        random,
        life,
        step: (name, effect) => {
          const step = process.step(() => {
            note(label, name);
            return effect();
          });
          return follow(`step(${JSON.stringify(name)})`, step, false);
        },
      });
      await Promise.race([running, calls.forgotten]);
      if (!process.isOver) calls.end();
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

/** A process that is up. */
interface Up {
  readonly process: TestProcess;
  readonly calls: HandlerCalls;
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

/** Random numbers of one seed. */
export class Dice extends Chance {
  /** Another `use` draws other numbers. */
  constructor(seed: number, use: number) {
    super(seed * 8 + use);
  }

  /** True in so many cases of 1. */
  hits(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.next() * list.length)] as T; // in range
  }

  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }
}

/** What 1upHealth and the network may get wrong. */
const faults: readonly Fault[] = [
  { drop: "before" },
  { drop: "after" },
  { drop: "body" },
  { status: 503 },
  { status: 500, commit: true },
  { response: "rateLimited", retryAfterMs: 30_000 },
];

/** A process is killed so often at most: in the end every seed comes to its end. */
const mostDeaths = 6;

/** A process dies so much more often at a step of its own: it has few of them beside those of its lifecycle. */
const ownSteps = 8;

/** What goes wrong in one seed: how often processes die and stores refuse, and what 1upHealth gets wrong. */
export class Weather {
  /** Nothing goes wrong any more. */
  isCalm = false;
  deaths = 0;
  refusals = 0;
  readonly sandbox: SandboxOptions;
  readonly faults: readonly Fault[];
  readonly #dice: Dice;
  readonly #death: number;
  readonly #refusal: number;
  readonly #slow: number;

  constructor(seed: number) {
    const dice = (this.#dice = new Dice(seed, 1));
    this.#death = dice.pick([0, 0.01, 0.02, 0.04]);
    this.#refusal = dice.pick([0, 0, 0.02, 0.1]);
    this.#slow = dice.pick([0, 0.01]);
    this.sandbox = {
      latencyMs: dice.pick([[5, 50] as const, [5, 400] as const]),
      readLagMs: dice.pick([0, 300, 900]),
    };
    this.faults = faults.flatMap((fault) => {
      const probability = dice.pick([0, 0, 0.05, 0.2]);
      return probability === 0 ? [] : [{ ...fault, probability }];
    });
  }

  /** What happens to a process at this step, which it takes now. */
  strike(steps: readonly Step[]): Strike {
    const dice = this.#dice;
    const isCall = steps.includes("call");
    if (this.isCalm) return { delayMs: 0, end: null };
    const delayMs = isCall ? 0 : dice.hits(this.#slow) ? dice.between(1_000, 90_000) : dice.between(0, 20);
    const when = dice.pick(["before", "after"] as const);
    const isOwn = steps.includes("step");
    if (this.deaths < mostDeaths && dice.hits(isOwn ? ownSteps * this.#death : this.#death)) {
      this.deaths++;
      return { delayMs, end: { when, error: null } };
    }
    if (isCall || isOwn || !dice.hits(this.#refusal)) return { delayMs, end: null };
    this.refusals++;
    const error = storeUnavailable("Cannot use the simulated store: it does not answer");
    return { delayMs, end: { when, error } };
  }
}

/** Options of {@link simulate}. */
export interface SimulateOptions {
  /** How many seeds to play, from 1 on, or which: `[17]` plays seed 17 again. @default 100 */
  readonly seeds?: number | readonly number[] | undefined;
  /**
   * Plays one seed, and judges: whatever it throws is a finding. It is called once for each seed, and must not keep anything
   * from one to the next.
   */
  readonly scenario: (world: World) => void | Promise<void>;
  /** Options of all lifecycles, except those that the simulation sets. The store is in memory. */
  readonly lifecycle?:
    | Some<Omit<LifecycleOptions, "credentials" | "endpoints" | "clock" | "transport" | "store">>
    | undefined;
  /** Options of the sandbox; what is not given is drawn. */
  readonly sandbox?: Omit<SandboxOptions, "clock" | "waitOn" | "seed"> | undefined;
}

/** The world of one seed. */
export interface World {
  readonly seed: number;
  /** 1upHealth: its journal shows what really happened. */
  readonly sandbox: Sandbox;
  /** Time is virtual and passes by itself. */
  readonly clock: TestClock;
  /** A number in [0, 1), from the seed. */
  readonly random: () => number;
  /**
   * Runs a process of the application. It may be killed whenever it does something: then it receives nothing more, and the
   * function is called again in a new process, until it returns. The same happens after an error that is `retryable`, as
   * when a person tries again; any other error rejects. Several may run at once. The function must await its calls and
   * steps: it rejects if one is pending at its end, but for `work()`, `watch()` and `events()`, or fails without being
   * awaited. What takes real time must be in a step.
   *
   * @example
   * ```ts
   * import { simulate } from "oneup-lifecycle/testing/simulate";
   *
   * await simulate({
   *   seeds: 10,
   *   async scenario({ process, sandbox }) {
   *     const click = () => process(async ({ lifecycle }) => void (await lifecycle.onboard("ada")));
   *     await Promise.all([click(), click()]);
   *     if (sandbox.users().length > 1) throw new Error("ada was created twice");
   *   },
   * });
   * ```
   */
  process(run: (process: AppProcess) => void | Promise<void>): Promise<void>;
}

/** One life of a process of the application. */
export interface AppProcess {
  /** The lifecycle of this process, on the store that all share. */
  readonly lifecycle: Lifecycle;
  /** The clock of this process: its timers end with it. */
  readonly clock: Clock;
  readonly random: () => number;
  /** How often this process was killed, or failed, before: 0 in its first life. */
  readonly life: number;
  /**
   * Does something outside of the process: writes to the application's database, sends a mail. The process may be killed
   * just before or just after it. What the application keeps must be read and changed in steps only.
   *
   * @example
   * ```ts
   * import { simulate } from "oneup-lifecycle/testing/simulate";
   *
   * await simulate({
   *   seeds: 10,
   *   async scenario({ process }) {
   *     const mails = new Set<string>(); // the application's database
   *     await process(async ({ lifecycle, step }) => {
   *       await lifecycle.onboard("ada");
   *       await step("welcome ada", () => mails.add("ada")); // a set: repeating it changes nothing
   *     });
   *     if (mails.size !== 1) throw new Error("ada got no mail");
   *   },
   * });
   * ```
   */
  step<T>(name: string, effect: () => T | Promise<T>): Promise<T>;
}

/** What happened in all seeds. */
export interface SimulationReport {
  readonly seeds: number;
  /** Processes that were killed. */
  readonly crashes: number;
  /** Requests to the store that failed. */
  readonly refusals: number;
  /** Calls that arrived at 1upHealth. */
  readonly calls: number;
}
