/**
 * Waiting for a user in XState's form: an actor whose snapshots hold the user's status. No other code of the
 * lifecycle depends on it.
 *
 * @module
 */
import type { ActorLogic, EventObject } from "xstate";
import { checkActorInput, type ActorInput } from "./actor-input.ts";
import { persistedSnapshot, restoredSnapshot, type UserSnapshot } from "./user-snapshot.ts";
import type { UserStatus } from "../user/user-status.ts";

/** Actor logic for `setup({ actors })`, `invoke`, `spawn` and `createActor()`. It accepts no events. */
export type UserActorLogic<Input> = ActorLogic<UserSnapshot, EventObject, Input>;

/** One running actor. */
export interface Task {
  readonly input: ActorInput;
  /** Whether it was restored: the work it waits for has begun before, perhaps in another process. */
  readonly isRestored: boolean;
  /** Aborts when the actor is stopped. */
  readonly signal: AbortSignal;
  /** Publishes the user's status. */
  onStatus(status: UserStatus): void;
}

/** The events that an actor receives from its own task. */
type News =
  | { readonly type: "oneup.status"; readonly status: UserStatus }
  | { readonly type: "oneup.done"; readonly status: UserStatus }
  | { readonly type: "oneup.error"; readonly error: unknown };

/**
 * Actor logic that runs this task. The actor is done with the value that the task resolves with and fails with the
 * error it rejects with. If the task resolves with `null`, the actor stays active and silent, so that its snapshot
 * can be restored elsewhere.
 */
export function actorLogic<Input extends ActorInput>(
  run: (task: Task) => Promise<UserStatus | null>,
): UserActorLogic<Input> {
  const restored = new WeakSet<object>();
  const running = new WeakMap<object, AbortController>();

  return {
    getInitialSnapshot: (_scope, input) => ({
      status: "active",
      output: undefined,
      error: undefined,
      context: null,
      input: checkActorInput(input),
    }),

    transition(snapshot, event, { self }) {
      if (snapshot.status !== "active") return snapshot;
      if (event.type === "xstate.stop") {
        running.get(self)?.abort();
        return { ...snapshot, status: "stopped" };
      }
      return isNews(event) ? after(snapshot, event) : snapshot;
    },

    start({ status, input }, { self }) {
      if (status !== "active") return;
      const stop = new AbortController();
      running.set(self, stop);
      const send = (news: News): void => {
        if (!stop.signal.aborted) self.send(news);
      };
      const task: Task = {
        input,
        isRestored: restored.has(self),
        signal: stop.signal,
        onStatus: (status) => send({ type: "oneup.status", status }),
      };
      run(task).then(
        (status) => status && send({ type: "oneup.done", status }),
        (error: unknown) => send({ type: "oneup.error", error }),
      );
    },

    getPersistedSnapshot: persistedSnapshot,

    restoreSnapshot(kept, { self }) {
      restored.add(self);
      return restoredSnapshot(kept);
    },
  };
}

function isNews(event: EventObject): event is News {
  return event.type === "oneup.status" || event.type === "oneup.done" || event.type === "oneup.error";
}

function after(snapshot: UserSnapshot & { status: "active" }, news: News): UserSnapshot {
  switch (news.type) {
    case "oneup.status":
      return { ...snapshot, context: news.status };
    case "oneup.done":
      return { ...snapshot, status: "done", output: news.status, context: news.status };
    case "oneup.error":
      return { ...snapshot, status: "error", error: news.error };
  }
}
