/**
 * The options of a simulation, and what a scenario gets.
 *
 * @module
 */
import type { Some } from "../../checks.ts";
import type { Clock } from "../../clock.ts";
import type { Lifecycle } from "../../runtime/lifecycle.ts";
import type { LifecycleOptions } from "../../runtime/options/lifecycle-options.ts";
import type { SandboxOptions } from "../../sandbox/options/sandbox-options.ts";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import type { TestClock } from "../test-clock.ts";

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
   * when a person tries again; any other error rejects. Several may run at once.
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
