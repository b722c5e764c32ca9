/**
 * To see where one user stands while it goes on: as a sequence, and as actors of XState.
 *
 * @module
 */
import { isPurging } from "../../machines/index.ts";
import { actorLogic } from "./actor.ts";
import type { Task, UserActorLogic } from "./actor.ts";
import type { ActorInput, WatcherInput } from "./actor-input.ts";
import { checkWatch } from "./call-checks.ts";
import { checkId } from "./checks.ts";
import type { Engine } from "./engine.ts";
import { insist } from "./insist.ts";
import { onboard } from "./onboard.ts";
import type { Onboarding } from "./onboard.ts";
import { isUsable } from "./status.ts";
import type { UserStatus } from "./status.ts";
import { refusal, statusOf } from "./verdict.ts";
import { follow, watch } from "./watch.ts";

/** Options of {@link WatchVerbs.watch}. */
export interface WatchOptions {
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long it waits at most between two looks at the store, ms, 10 to 3 600 000. Steps of this process are seen at
   * once, those of others at the next look.
   * @default 1_000
   */
  readonly lookMs?: number | undefined;
}

/** The part of a lifecycle that watches. */
export interface WatchVerbs {
  /**
   * Where the user stands, and again whenever that changes, whichever process works on it. It ends when you leave the
   * loop, `signal` aborts or the lifecycle closes. Makes no call, and waits for a store that is away. Steps that are faster
   * than the loop are kept, 64 at most.
   *
   * @throws {LifecycleError} `USER_UNKNOWN`, also once it was forgotten; `RENAMED`; `RECORD_DAMAGED`; `CLOSED` if it was
   * closed before
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
   * `onboard()` as actor logic for XState 5, to be invoked or spawned by a machine of yours. The `context` of its
   * snapshots is the user's status, `null` until it was seen. It is **done** as soon as the user has a working access
   * token, at once for one who has, and its output is the status then; to go on watching, invoke
   * {@link WatchVerbs.watcher} next.
   *
   * It waits for whatever passes by itself: a slot, 1upHealth, the store. So what arrives as `onError` asks for somebody:
   * `USER_FAILED` (`retry()`), `CREDENTIALS_REFUSED` and `FORBIDDEN` (the user is kept), `USER_OFFBOARDED`, `RENAMED`,
   * `RECORD_DAMAGED`, `INVALID_ID`. How long is too long, your machine says (XState restores no `after`).
   *
   * Stopping the actor stops watching, not the lifecycle. Its persisted snapshot holds its input and no secret; restored,
   * in any process, it goes on with the user as it is then, and brings nobody back who was let go meanwhile. When the
   * lifecycle closes, the actor stays active and silent, for that says nothing about the user.
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
   * {@link WatchVerbs.watch} as actor logic for XState 5: the `context` of its snapshots is the user's status. It makes no
   * call and is never done: stop it, or leave the state that invokes it. It fails with `USER_UNKNOWN` and `RENAMED`.
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

/** How long one look at an onboarding takes at most before it is looked at afresh, ms. */
const patienceMs = 30_000;

/** The verbs that watch, on an engine. `open` throws if the lifecycle is closed. */
export function createWatchVerbs(engine: Engine, open: () => void): WatchVerbs {
  const { closing } = engine;

  /** Logic of actors that do this for as long as the lifecycle is open; its end says nothing about the user. */
  function logic<Input extends ActorInput>(
    run: (engine: Engine, task: Task) => Promise<UserStatus>,
  ): UserActorLogic<Input> {
    return actorLogic(async (task) => {
      open();
      try {
        return await run(engine, { ...task, signal: AbortSignal.any([task.signal, closing]) });
      } catch (error) {
        if (closing.aborted) return null;
        throw error;
      }
    });
  }

  return {
    watch(appUserId, options) {
      open();
      const id = checkId(appUserId);
      const { signal = closing, lookMs = engine.lookMs } = checkWatch(options);
      return watch(engine, id, { lookMs, signal: AbortSignal.any([signal, closing]) });
    },
    actor: logic<ActorInput>(onboarding),
    watcher: logic<WatcherInput>((_, { input, signal, see }) =>
      follow(engine, input.appUserId, { lookMs: engine.lookMs, signal, user: "known" }, see),
    ),
  };
}

/** Onboards the user and shows how far it is. @throws {LifecycleError} what does not pass; the signal's reason */
async function onboarding(engine: Engine, { input, isRestored, signal, see }: Task): Promise<UserStatus> {
  const { appUserId: id, ...options } = input;
  const { clock } = engine;
  let letGo: Onboarding["letGo"] = isRestored ? "stay" : "anew";
  const over = new AbortController();
  const watching = {
    lookMs: engine.lookMs,
    signal: AbortSignal.any([signal, over.signal]),
    user: "expected",
  } as const;
  const following = follow(engine, id, watching, (status) => {
    if (status.state !== "offboarded" && !isPurging(status.state)) letGo = "stay"; // it has begun
    see(status);
  });
  following.catch(() => {}); // what it meets, the onboarding meets, too
  try {
    for (;;) {
      const user = await insist(engine, signal, "onboard a user", () =>
        onboard(engine, id, { ...options, letGo }, { until: clock.monotonic() + patienceMs, signal }),
      );
      letGo = "stay";
      if (isUsable(user, clock.now())) return statusOf(engine, user);
      const problem = refusal(engine, user);
      if (problem !== null) throw problem;
    }
  } finally {
    over.abort();
  }
}
