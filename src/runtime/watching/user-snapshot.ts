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
  if (!isObject(kept)) throw foreign("snapshot", kept);
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
    default:
      throw foreign("status", (kept as Snapshot<unknown>).status); // what is restored may be anything
  }
}

function foreign(what: string, got: unknown): LifecycleError {
  return wrong("restore an actor", what, "what its snapshot was persisted with", got);
}

/** A status whose times may be strings, after JSON. @throws {LifecycleError} */
function revived(kept: unknown): UserStatus {
  const steps: unknown = isObject(kept) && "since" in kept ? kept["history"] : undefined;
  if (!Array.isArray(steps) || !steps.every(isObject)) throw foreign("output", kept);
  const status = kept as UserStatus; // an object with these two fields is a status
  const { since, expiresAt, provisionalUntil, pause, hold, history, refusedTokens } = status;
  const time = (at: unknown): Date => {
    const date = new Date(typeof at === "string" || at instanceof Date ? at : Number.NaN);
    if (Number.isNaN(date.getTime())) throw foreign("output", kept);
    return date;
  };
  const caused = <T extends { readonly at: Date }>({ cause }: { readonly cause: T | null }): T | null =>
    cause && { ...cause, at: time(cause.at) };
  return {
    ...status,
    since: time(since),
    expiresAt: expiresAt && time(expiresAt),
    provisionalUntil: provisionalUntil && time(provisionalUntil),
    refusedTokens: refusedTokens
      ? {
          ...refusedTokens,
          since: time(refusedTokens.since),
          lastAt: time(refusedTokens.lastAt),
          replacedFrom: refusedTokens.replacedFrom && time(refusedTokens.replacedFrom),
        }
      : null, // an older release kept none
    pause: pause && { ...pause, until: pause.until && time(pause.until), cause: caused(pause) },
    hold: hold && { ...hold, since: time(hold.since) },
    history: history.map((step) => ({ ...step, at: time(step.at), cause: caused(step) })),
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
  const isOurs = isObject(kept) && typeof kept["message"] === "string";
  if (!isOurs || (kept["code"] !== null && typeof kept["code"] !== "string")) throw foreign("error", kept);
  const { code, message, retryable, facts } = kept as unknown as WrittenError; // ours
  return code === null ? new Error(message) : new LifecycleError(code, message, { retryable, facts });
}
