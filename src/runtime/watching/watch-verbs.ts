/**
 * `watch()`, `actor` and `watcher`: follow one user's status, as an async sequence or as XState actors.
 *
 * @module
 */
import { hasLeft } from "../user/step.ts";
import { linkSignals, withSignals } from "../../abort.ts";
import type { ActorInput, WatcherInput } from "./actor-input.ts";
import { actorLogic, type Task, type UserActorLogic } from "./actor-logic.ts";
import { checkId } from "../options/check-id.ts";
import { aSignal, between, check, type Rules } from "../../checks.ts";
import type { Engine } from "../engine/engine.ts";
import { retryWrite } from "../engine/retry-write.ts";
import { onboard, type Onboarding } from "../operations/onboard.ts";
import type { UserStatus } from "../user/user-status.ts";
import { isUsableNow } from "../user/token-time.ts";
import { refusal, statusOf } from "../engine/user-errors.ts";
import { follow, watch } from "./watch.ts";

/** Options of {@link WatchVerbs.watch}. */
export interface WatchOptions {
  /** Ends the watch. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The longest time between two reads of the store, ms, 10 to 3 600 000. Steps of this process are seen at once,
   * steps of other processes at the next read.
   * @default 1_000
   */
  readonly pollMs?: number | undefined;
}

/** The methods of a lifecycle that follow a user. */
export interface WatchVerbs {
  /**
   * Yields the user's status, and again after every change, whichever process makes it. Ends when you leave the loop,
   * `signal` aborts or the lifecycle closes. Makes no call, and waits while the store is unavailable. If the loop is
   * slower than the user, up to 64 statuses are buffered, and the oldest are dropped.
   *
   * @throws {LifecycleError} `USER_UNKNOWN`, also once the user has been forgotten; `RENAMED`; `RECORD_DAMAGED`;
   * `STORE_MOVED` within ten seconds of a move to another store; `CLOSED` if the lifecycle was closed before the call
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada", { waitMs: 0 });
   * for await (const { state, usable } of lifecycle.watch("ada")) {
   *   console.log(state);
   *   if (usable) break;
   * }
   * ```
   */
  watch(appUserId: string, options?: WatchOptions): AsyncGenerator<UserStatus, void, undefined>;
  /**
   * `onboard()` as actor logic for XState 5, to be invoked or spawned by your own machine. The `context` of its
   * snapshots is the user's status, or `null` until it has been read. The actor is **done** as soon as the user has a
   * working access token, at once if it already has one; its output is the status at that time. To follow the user
   * from then on, invoke {@link WatchVerbs.watcher} next.
   *
   * It waits for everything that resolves by itself: a slot, 1upHealth, the store. An `onError` therefore needs a
   * person: `USER_FAILED` (`retry()`), `CREDENTIALS_REFUSED`, `FORBIDDEN` and `PAUSED` (the user is kept), `USER_OFFBOARDED`,
   * `RENAMED`, `RECORD_DAMAGED`, `INVALID_ID`. Any time limit is your machine's (note that XState does not restore
   * `after`).
   *
   * Stopping the actor stops the watch, not the lifecycle. Its persisted snapshot holds its input and no secret.
   * Restored in any process, it continues with the user as it is then, and does not start over a user that was
   * offboarded meanwhile. When the lifecycle closes, the actor stays active and silent, because closing does not
   * change the user.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   * import { createActor, setup, waitFor } from "xstate";
   *
   * const { lifecycle } = await createTestLifecycle();
   * const signUp = setup({ actors: { oneup: lifecycle.actor } }).createMachine({
   *   initial: "connecting",
   *   states: {
   *     connecting: {
   *       invoke: {
   *         src: "oneup",
   *         input: { appUserId: "ada@example.org" },
   *         onDone: "connected",
   *         onError: "sorry",
   *       },
   *     },
   *     connected: {},
   *     sorry: {},
   *   },
   * });
   * const { value } = await waitFor(createActor(signUp).start(), (it) => !it.matches("connecting"));
   * console.log(value); // connected
   * ```
   */
  readonly actor: UserActorLogic<ActorInput>;
  /**
   * {@link WatchVerbs.watch} as actor logic for XState 5: the `context` of its snapshots is the user's status. It
   * makes no call and is never done: stop it, or leave the state that invokes it. It fails with `USER_UNKNOWN`,
   * `RENAMED` and `STORE_MOVED`.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   * import { createActor, waitFor } from "xstate";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const page = createActor(lifecycle.watcher, { input: { appUserId: "ada" } }).start();
   * const { context } = await waitFor(page, (it) => it.context !== null);
   * console.log(context?.state); // tokenActive
   * page.stop();
   * ```
   */
  readonly watcher: UserActorLogic<WatcherInput>;
}

const watching: Rules<WatchOptions> = { pollMs: between(10, 3_600_000), signal: aSignal };
/** The deadline of one `onboard()` call, after which the actor calls it again, ms. */
const patienceMs = 30_000;

/** The methods that follow a user, on an engine. `assertOpen` throws if the lifecycle is closed. */
export function createWatchVerbs(engine: Engine, assertOpen: () => void): WatchVerbs {
  const { closing } = engine;

  /** Actor logic that runs this for as long as the lifecycle is open; closing leaves the actor active. */
  function logic<Input extends ActorInput>(
    run: (engine: Engine, task: Task) => Promise<UserStatus>,
  ): UserActorLogic<Input> {
    return actorLogic(async (task) => {
      assertOpen();
      try {
        return await withSignals(task.signal, closing, (signal) => run(engine, { ...task, signal }));
      } catch (error) {
        if (closing.aborted) return null;
        throw error;
      }
    });
  }

  return {
    watch(appUserId, options) {
      assertOpen();
      const id = checkId(appUserId);
      const { signal, pollMs = engine.pollMs } = check("watch a user", options, watching);
      return watch(engine, id, { pollMs, signal });
    },
    actor: logic<ActorInput>(onboarding),
    watcher: logic<WatcherInput>((_, { input, signal, onStatus }) =>
      follow(engine, input.appUserId, { pollMs: engine.pollMs, signal, user: "known" }, onStatus),
    ),
  };
}

/**
 * Onboards the user and publishes its status.
 * @throws {LifecycleError} what only a person can resolve; the signal's
 * reason
 */
async function onboarding(
  engine: Engine,
  { input, isRestored, signal, onStatus }: Task,
): Promise<UserStatus> {
  const { appUserId: id, ...options } = input;
  const { clock } = engine;
  let onOffboarded: Onboarding["onOffboarded"] = isRestored ? "keep" : "restart";
  const over = linkSignals(signal);
  const watching = { pollMs: engine.pollMs, signal: over.signal, user: "expected" } as const;
  const following = follow(engine, id, watching, (status) => {
    if (!hasLeft(status.state)) onOffboarded = "keep"; // it has begun
    onStatus(status);
  });
  following.catch(() => {}); // onboard() meets the same error
  try {
    for (;;) {
      const user = await retryWrite(engine, signal, "onboard a user", () =>
        onboard(engine, id, { ...options, onOffboarded }, { until: clock.monotonic() + patienceMs, signal }),
      );
      onOffboarded = "keep";
      if (isUsableNow(engine, user)) return statusOf(engine, user);
      const problem = refusal(engine, user);
      // A refusal of this user alone is retried later by itself.
      const alone = problem?.facts["alone"] === true ? (problem.retryAfterMs ?? patienceMs) : null;
      if (problem !== null && alone === null) throw problem;
      if (alone !== null) await engine.changes.ofUser(id, Math.min(alone, patienceMs), signal);
      signal.throwIfAborted();
    }
  } finally {
    over.abort();
  }
}
