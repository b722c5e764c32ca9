/**
 * A lifecycle for an application's own tests, with all that it needs: a sandbox in the same process, a clock that the test
 * moves, a store in memory, and an end at any instant.
 *
 * @module
 */
import { memory } from "../../adapters/memory.ts";
import type { UserState } from "../../machines/index.ts";
import { LifecycleError } from "../errors.ts";
import { checkId, isObject, number, oneOf, only, wrong } from "../runtime/checks.ts";
import type { Lifecycle } from "../runtime/lifecycle.ts";
import { openParts } from "../runtime/open.ts";
import type { Opened } from "../runtime/open.ts";
import type { LifecycleOptions } from "../runtime/options.ts";
import type { UserStatus } from "../runtime/status.ts";
import { Handler } from "../sandbox/handler.ts";
import { readOptions } from "../sandbox/options.ts";
import type { SandboxOptions } from "../sandbox/options.ts";
import { sandboxOver } from "../sandbox/sandbox.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { World } from "../sandbox/world.ts";
import type { StoreAdapter } from "../store/contract.ts";
import { arrange } from "./arrange.ts";
import { inMs } from "./duration.ts";
import type { Duration } from "./duration.ts";
import { checkPoint, gone, Life } from "./life.ts";
import type { CrashPoint } from "./life.ts";
import { sandboxTransport } from "./sandbox-transport.ts";
import { lookInto } from "./secrets-in.ts";
import { latest, SteeredTime } from "./test-clock.ts";
import type { TestClock } from "./test-clock.ts";
import { watched, watchMs } from "./watched.ts";

/** Options of {@link createTestLifecycle}. */
export interface TestLifecycleOptions {
  /** Options of the lifecycle, but for those that the test lifecycle brings itself. `store` is `memory()` by default. */
  readonly lifecycle?: Partial<Omit<LifecycleOptions, Own>>;
  /** Options of the sandbox, likewise. `seed` is 1 by default, so that ids, codes and tokens are the same in every run. */
  readonly sandbox?: Omit<SandboxOptions, "clock" | "waitOn">;
  /** What time it is when the test begins, ms since 1970. @default 2026-01-01T00:00Z */
  readonly now?: number;
  /** See {@link TestClock.autoAdvance}. @default true */
  readonly autoAdvance?: boolean;
}

type Own = "credentials" | "endpoints" | "clock" | "transport";

/** Options of {@link TestLifecycle.restart}. */
export interface RestartOptions {
  /**
   * How long nobody is there.
   * @default after a crash as long as a lease lasts (45 s): until then nobody else takes up whom the process had in hand
   */
  readonly after?: Duration;
}

/** An application's process, its store, and 1upHealth, in a test. */
export interface TestLifecycle extends AsyncDisposable {
  /** That of the process which is up now: another one after `restart()`. */
  readonly lifecycle: Lifecycle;
  /** 1upHealth: `sandbox.fail(…)`, `sandbox.journal`, `sandbox.snapshot()`, … */
  readonly sandbox: Sandbox;
  readonly clock: TestClock;
  /** Where the users are. It survives a crash. */
  readonly store: StoreAdapter;
  /**
   * Puts a user whom nobody knows into a state, without a call: with the history of somebody who came there in the
   * straightest way, and with the codes, tokens and times at the sandbox that this way would have left. It goes on from
   * there as such a user does. `expiring` has a token that works for some minutes more; `failed` was refused while it
   * was created; `locating` is there under its own id; `identifying` and `offboarding` have their data of all versions to
   * be erased.
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
   * @throws {LifecycleError} `USER_CONFLICT` if it is here already; `INVALID_ID`; `INVALID_OPTION`; `CLOSED` after a crash
   */
  arrange(appUserId: string, state: UserState): Promise<UserStatus>;
  /**
   * The process dies, at once, or at a point of what `during` does. What it had committed stays; everything else of it is
   * lost: calls under way are never answered, workers do nothing more, new calls reject with `CLOSED`.
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
   * @throws {LifecycleError} `INVALID_OPTION` for what is no point, before anything is done, and if `during` ends before
   * it comes to that point; what `during` throws
   */
  crash(): Promise<void>;
  crash(point: CrashPoint, during: () => unknown): Promise<void>;
  /**
   * Opens the next process on the same store; one that is still up is closed first. Resolves with its lifecycle.
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
   * Closes what is open. With the store in memory there is nothing that a forgotten `close()` leaves behind.
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
 * A lifecycle, a sandbox, a clock and a store for one test, in a few milliseconds: no socket, no timer of the machine.
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
 * @throws {LifecycleError} `INVALID_OPTION`; as `createLifecycle()`
 */
export async function createTestLifecycle(options: TestLifecycleOptions = {}): Promise<TestLifecycle> {
  const { now = Date.UTC(2026, 0, 1), autoAdvance = true, ...given } = checked(options);
  const seed = given.sandbox?.seed ?? 1;
  const time = new SteeredTime({ now, seed, autoAdvance, isBusy: () => up.life.isAsking });
  const handler = new Handler(
    new World(readOptions({ ...given.sandbox, seed, clock: time, waitOn: "clock" })),
  );
  const sandbox = sandboxOver(handler);
  const store = given.lifecycle?.store ?? memory();
  const crashed: Life[] = [];
  let up = await open();
  const endLook = lookInto(sandbox);

  async function open(): Promise<Up> {
    const life = new Life(time);
    const parts = await openParts(
      {
        ...given.lifecycle,
        credentials: () => sandbox.credentials,
        clock: life.clock,
        transport: sandboxTransport(handler, life),
        store: life.storeOf(store),
      },
      { nextTurn: queueMicrotask, lookMs: watchMs }, // so that all goes on at once that needs no time
    );
    return { ...parts, life, watched: watched(parts.lifecycle, { life, time }) };
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
        throw wrong("crash", "during", "a function, what is done until then", during);
      await crash(up.life, point, during);
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

/** A process that is up, or was. */
interface Up extends Opened {
  readonly life: Life;
  readonly watched: Lifecycle;
}

/** Lets `during` go on until its process dies at `point`. */
async function crash(life: Life, point: CrashPoint, during: () => unknown): Promise<void> {
  const { death, spare } = life.meet(point);
  const survival = async (): Promise<boolean> => {
    await during();
    return true;
  };
  try {
    const survived = await Promise.race([death.then(() => false), survival()]);
    if (survived)
      throw wrong("crash", "the point", "one that comes before the end of what is done", said(point));
  } finally {
    spare();
  }
}

function said({ before, after, nth = 1 }: CrashPoint): string {
  return `${before === undefined ? "after" : "before"} ${before ?? after} number ${nth}`;
}

const brought: readonly string[] = ["credentials", "endpoints", "clock", "transport", "waitOn"];

function checked(options: TestLifecycleOptions): TestLifecycleOptions {
  const verb = "create a test lifecycle";
  only(verb, "options", options, { lifecycle: true, sandbox: true, now: true, autoAdvance: true });
  const { now, autoAdvance } = options;
  if (now !== undefined) number(verb, "now", now, 0, latest);
  if (autoAdvance !== undefined) oneOf(verb, "autoAdvance", autoAdvance, [true, false]);
  for (const part of ["lifecycle", "sandbox"] as const) {
    const given: unknown = options[part];
    if (given === undefined) continue;
    if (!isObject(given) || Array.isArray(given)) throw wrong(verb, part, "an object", given);
    const own = Object.keys(given).find((name) => brought.includes(name));
    if (own === undefined) continue;
    const rule = `it brings ${brought.join(", ")} itself`;
    throw new LifecycleError("INVALID_OPTION", `Cannot ${verb}: ${rule}, got ${part}.${own}`);
  }
  return options;
}
