/**
 * A lifecycle for an application's tests, with everything it needs: a sandbox in the same process, a clock that the test
 * moves, a store in memory, and crashes at any instant.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { memory } from "../../adapters/memory.ts";
import type { UserState } from "../../machines/index.ts";
import { checkId } from "../runtime/options/check-id.ts";
import { anObject, aSwitch, between, check, invalid, only, wrong, type Rules, type Some } from "../checks.ts";
import type { Lifecycle } from "../runtime/lifecycle.ts";
import { checkOverrides, type LifecycleOptions } from "../runtime/options/lifecycle-options.ts";
import type { UserStatus } from "../runtime/user/user-status.ts";
import { Handler } from "../sandbox/handler.ts";
import { plainOptions, readOptions, type SandboxOptions } from "../sandbox/options/sandbox-options.ts";
import { sandboxOver } from "../sandbox/create-sandbox.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { World } from "../sandbox/state/world.ts";
import type { StoreAdapter } from "../store/contract.ts";
import { arrange } from "./arrange.ts";
import { inMs, type Duration, latest, SteeredTime, type TestClock } from "./test-clock.ts";
import { checkPoint, gone, TestProcess, type CrashPoint } from "./test-process.ts";
import { lookInto } from "./secrets-in.ts";
import { instrumented, watchMs } from "./instrumented.ts";
import { openParts, type Opened } from "../runtime/open-lifecycle.ts";
import { sandboxTransport } from "./sandbox-transport.ts";

/** Options of {@link createTestLifecycle}. */
export interface TestLifecycleOptions {
  /**
   * Options of the lifecycle, except those that the test lifecycle sets itself. `store` is `memory()` by default; the clock
   * does not move the time of one in Redis or PostgreSQL, see {@link TestClock};
   * `credentials` are those of the sandbox at any time, so give a function of your own to test a secret that is wrong
   * or late.
   */
  readonly lifecycle?: Some<Omit<LifecycleOptions, Own>> | undefined;
  /**
   * Options of the sandbox. `seed` is 1 by default, so that ids, codes, tokens, aliases and fingerprints are the same in
   * every run.
   */
  readonly sandbox?: Omit<SandboxOptions, "clock" | "waitOn"> | undefined;
  /** Start time, in ms since 1970. @default 2026-01-01T00:00Z */
  readonly now?: number | undefined;
  /** See {@link TestClock.autoAdvance}. @default true */
  readonly autoAdvance?: boolean | undefined;
}

type Own = "endpoints" | "clock" | "transport";

/** Options of {@link TestLifecycle.restart}. */
export interface RestartOptions {
  /**
   * How long no process runs. After a crash, `"2s"` is what a supervisor needs in production: the users that the dead
   * process ran then wait for the rest of its lease.
   * @default after a crash the duration of a lease (45 s), after which other processes can take over its users
   */
  readonly after?: Duration | undefined;
}

/** An application's process, its store, and 1upHealth, in a test. */
export interface TestLifecycle extends AsyncDisposable {
  /** The lifecycle of the current process: a new one after `restart()`. */
  readonly lifecycle: Lifecycle;
  /** 1upHealth: `sandbox.fail(…)`, `sandbox.journal`, `sandbox.snapshot()`, … */
  readonly sandbox: Sandbox;
  readonly clock: TestClock;
  /** The store. It survives a crash. */
  readonly store: StoreAdapter;
  /**
   * Puts an unknown user into a state without a call, with the shortest history that leads there, and with the codes,
   * tokens and times in the sandbox that this history would have left. The user continues from there as usual. `expiring`
   * has a token that is valid for a few more minutes; `failed` was refused while it was created; `locating` exists under
   * its own id; `identifying` and `offboarding` are to have their data of all FHIR versions erased.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { arrange, lifecycle, sandbox } = await createTestLifecycle();
   * await arrange("ada", "reauthorizing");
   * await lifecycle.onboard("ada");
   * console.log(sandbox.journal.spent().management); // 1
   * ```
   * @throws {LifecycleError} `USER_CONFLICT` if the store has it already; `INVALID_ID`; `INVALID_OPTION`; `CLOSED` after a crash
   */
  arrange(appUserId: string, state: UserState): Promise<UserStatus>;
  /**
   * Kills the process, at once or at a point of what `during` does. What it had committed stays; everything else is lost:
   * calls in flight never get a response, workers stop, new calls reject with `CLOSED`.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const world = await createTestLifecycle();
   * await world.crash({ before: "exchangeCode" }, () => world.lifecycle.onboard("ada"));
   * const lifecycle = await world.restart();
   * console.log((await lifecycle.inspect("ada")).underWay); // exchangeCode
   * ```
   * @throws {LifecycleError} `INVALID_OPTION` for an invalid point, before anything is done, and if `during` ends before
   * it reaches that point; errors of `during`
   */
  crash(): Promise<void>;
  crash(point: CrashPoint, during: () => unknown): Promise<void>;
  /**
   * Starts the next process on the same store; one that is still running is closed first. Resolves with its lifecycle.
   * After a crash, time passes until the lease of the dead process has ended: `after` is for tests of the time before.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle, restart } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const next = await restart({ after: "1h" }); // a deploy that took its time
   * console.log((await next.inspect("ada")).usable); // true
   * ```
   */
  restart(options?: RestartOptions): Promise<Lifecycle>;
  /**
   * Closes everything. With the store in memory, a forgotten `close()` leaves nothing behind.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const world = await createTestLifecycle();
   * await world.close();
   * ```
   */
  close(): Promise<void>;
}

/**
 * A lifecycle, a sandbox, a clock and a store for one test, in a few milliseconds: no sockets and no real timers.
 *
 * @example
 * ```ts
 * import { createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle, sandbox, clock } = await createTestLifecycle();
 * await lifecycle.onboard("ada");
 * await clock.advance("2h");
 * await lifecycle.accessToken("ada"); // a refreshed one
 * console.log(sandbox.journal.spent()); // { management: 1, token: 2, fhir: 0 }
 * ```
 * @throws {LifecycleError} `INVALID_OPTION`; the errors of `createLifecycle()`
 */
export async function createTestLifecycle(options: TestLifecycleOptions = {}): Promise<TestLifecycle> {
  const { now = Date.UTC(2026, 0, 1), autoAdvance = true, ...given } = checked(options);
  const seed = given.sandbox?.seed ?? 1;
  const isBusy = (): boolean => up.life.isAsking;
  const time = new SteeredTime({ now, seed, autoAdvance, isBusy });
  const handler = new Handler(
    new World(readOptions({ ...given.sandbox, seed, clock: time, waitOn: "clock" })),
  );
  const sandbox = sandboxOver(handler, {
    // A call of the test's own waits for time as one of the lifecycle does.
    handle(incoming, signal) {
      const delivery = handler.handle(incoming, signal);
      time.waitFor(delivery);
      return delivery;
    },
  });
  const store = given.lifecycle?.store ?? memory();
  const crashed: TestProcess[] = [];
  let up = await open();
  const endLook = lookInto(sandbox);

  /** A process that runs. */
  async function open() {
    const life = new TestProcess(time);
    const parts = await openProcess(given.lifecycle, { handler, sandbox, store, process: life });
    return { ...parts, life, watched: instrumented(parts.lifecycle, { life, time }) };
  }

  const world: TestLifecycle = {
    get lifecycle() {
      return up.watched;
    },
    sandbox,
    clock: time,
    store,
    async arrange(appUserId, state) {
      if (up.life.isOver) throw gone();
      await arrange(up.engine, handler.world, checkId(appUserId), state);
      return up.lifecycle.inspect(appUserId);
    },
    async crash(...given: [] | [point: CrashPoint, during: () => unknown]) {
      if (given.length === 0) return up.life.end();
      const [point, during] = given;
      checkPoint(point);
      if (typeof during !== "function")
        throw wrong("crash", "during", "a function that runs until then", during);
      const { death, spare } = up.life.meet(point);
      const survival = async (): Promise<boolean> => {
        await during();
        return true;
      };
      try {
        const survived = await Promise.race([death.then(() => false), survival()]);
        if (survived)
          throw wrong("crash", "the point", "one that `during` reaches before it ends", describePoint(point));
      } finally {
        spare();
      }
    },
    async restart(given) {
      const { after } = only("restart", "options", given, { after: true });
      const { life, engine } = up;
      const downMs = inMs(after ?? (life.isOver ? engine.settings.leaseMs : 0));
      if (life.isOver) crashed.push(life);
      await up.watched.close();
      await time.advance(downMs);
      up = await open();
      return up.watched;
    },
    async close() {
      endLook();
      await up.watched.close();
      for (const life of [...crashed, up.life]) await life.release();
    },
    [Symbol.asyncDispose]: () => world.close(),
  };
  return world;
}

function describePoint({ before, after, nth = 1 }: CrashPoint): string {
  return `${before === undefined ? "after" : "before"} ${before ?? after} number ${nth}`;
}

const brought: readonly string[] = ["endpoints", "clock", "transport", "waitOn"];

const rules: Rules<TestLifecycleOptions> = {
  lifecycle: anObject,
  sandbox: anObject,
  now: between(0, latest),
  autoAdvance: aSwitch,
};

function checked(options: TestLifecycleOptions): TestLifecycleOptions {
  const verb = "create a test lifecycle";
  const { lifecycle, sandbox, ...given } = check(verb, options, rules);
  const parts = { lifecycle: checkOverrides(lifecycle), sandbox: plainOptions(sandbox) };
  for (const [part, values] of Object.entries(parts)) {
    const own = Object.keys(values).find((name) => brought.includes(name));
    if (own !== undefined) throw invalid(verb, `it sets ${brought.join(", ")} itself`, `${part}.${own}`);
  }
  return { ...given, ...parts };
}

/** Where the process lives. */
export interface ProcessPlace {
  readonly handler: Handler;
  readonly sandbox: Sandbox;
  readonly store: StoreAdapter;
  readonly process: TestProcess;
}

/** @throws {LifecycleError} as `createLifecycle()` */
export function openProcess(
  given: Some<LifecycleOptions> | undefined,
  { handler, sandbox, store, process }: ProcessPlace,
): Promise<Opened> {
  return openParts(
    {
      ...given,
      credentials: given?.credentials ?? (() => sandbox.credentials),
      clock: process.clock,
      transport: sandboxTransport(handler, process),
      store: process.storeOf(store),
    },
    {
      // Work that needs no time continues at once, also where a test has replaced `queueMicrotask`.
      nextTurn: (task) => void Promise.resolve().then(task),
      pollMs: watchMs,
      // Aliases and fingerprints are the same in every run. What outlives the process has real keys.
      ...(!store.durable && { newKey: (use) => keyOf(handler.world.settings.seed, use) }),
    },
  );
}

function keyOf(seed: number, use: string): Uint8Array {
  return createHash("sha256").update(`key of a test lifecycle ${seed} ${use}`).digest();
}
