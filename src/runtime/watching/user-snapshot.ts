/**
 * The snapshot of the actors of a lifecycle, and its persisted form: plain JSON without a secret.
 *
 * @module
 */
import type { Snapshot } from "xstate";
import { inWords, isLifecycleError, LifecycleError, type ErrorCode } from "../../errors.ts";
import { checkActorInput, type ActorInput } from "./actor-input.ts";
import { isObject, wrong } from "../../checks.ts";
import type { UserStatus } from "../user/user-status.ts";

/** Snapshot of an actor of a lifecycle. */
export type UserSnapshot = Snapshot<UserStatus> & {
  /** The user's status; `null` until it has been read. */
  readonly context: UserStatus | null;
  readonly input: ActorInput;
};

/** The snapshot to persist. While the actor is active it holds only the input, since the status is read again. */
export function persistedSnapshot(snapshot: UserSnapshot): Snapshot<unknown> {
  const { status, output, error, input } = snapshot;
  const kept = { status, output, error: error === undefined ? undefined : written(error), input };
  return kept as Snapshot<unknown>; // status, output and error fit each other, as they did in the snapshot
}

/**
 * Restores a persisted snapshot.
 * @throws {LifecycleError} `INVALID_ID`, `INVALID_OPTION` if the library did not write it
 */
export function restoredSnapshot(kept: Snapshot<unknown>): UserSnapshot {
  if (kept.status === "error" && !("input" in kept && isObject(kept.input))) throw revivedError(kept.error);
  const input = checkActorInput("input" in kept ? kept.input : undefined);
  switch (kept.status) {
    case "done": {
      const output = revived(kept.output);
      return { status: "done", output, error: undefined, context: output, input };
    }
    case "error":
      return { status: "error", output: undefined, error: revivedError(kept.error), context: null, input };
    case "active":
    case "stopped":
      return { status: kept.status, output: undefined, error: undefined, context: null, input };
  }
}

/** A status whose times may be strings, after JSON. */
function revived(kept: unknown): UserStatus {
  if (!isObject(kept) || !("since" in kept && "history" in kept && Array.isArray(kept.history))) {
    throw wrong("restore an actor", "output", "what its snapshot was persisted with", kept);
  }
  const status = kept as unknown as UserStatus; // an object with these two fields is a status
  const { since, expiresAt, pause, hold, history } = status;
  return {
    ...status,
    since: new Date(since),
    expiresAt: expiresAt && new Date(expiresAt),
    pause: pause && { ...pause, until: pause.until && new Date(pause.until) },
    hold: hold && { ...hold, since: new Date(hold.since) },
    history: history.map((step) => ({ ...step, at: new Date(step.at) })),
  };
}

/** An error that survives JSON, without its cause. */
interface WrittenError {
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly retryable: boolean;
  readonly facts: LifecycleError["facts"];
}

function written(error: unknown): WrittenError {
  if (!isLifecycleError(error)) return { code: null, message: inWords(error), retryable: false, facts: {} };
  const { code, message, retryable, facts } = error;
  return { code, message, retryable, facts };
}

function revivedError(kept: unknown): Error {
  const { code, message, retryable, facts } = kept as WrittenError; // ours
  return code === null ? new Error(message) : new LifecycleError(code, message, { retryable, facts });
}
