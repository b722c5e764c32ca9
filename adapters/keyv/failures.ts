/**
 * Failures of a Keyv store and the errors they become.
 *
 * @module
 */
import type { Keyv } from "keyv";
import { inTime, type Clock } from "../../src/clock.ts";
import { LifecycleError, storeUnavailable, storeUnusable } from "../../src/errors.ts";
import { isError } from "../../src/realms.ts";

/** An error whose message is ours, so it is safe to report. */
export class Trouble extends Error {
  override readonly name = "Trouble";
}

/** A read or write that took too long; it may still be carried out. */
export class Late extends Trouble {}

/**
 * Replaces an error of the underlying storage. Its name and code are kept, its message is not: it may quote keys, which
 * are user ids, and one failed write rejects the calls of all users in its batch.
 */
export function storageTrouble(error: unknown): Trouble {
  if (error instanceof Trouble) return error;
  const kind = isError(error) ? error.name : typeof error;
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  const words = [kind, code].filter((word) => /^\w{2,40}$/.test(word));
  return new Trouble(`the storage beneath the Keyv failed (${words.join(" ")})`);
}

/** The part of a Keyv or its storage adapter that reports errors. */
interface Emitter {
  on?(event: "error", listener: (error: unknown) => void): unknown;
  off?(event: "error", listener: (error: unknown) => void): unknown;
}

/**
 * Listens to the errors of Keyvs and of their storage adapters: many report a failure only as an `error` event, and a
 * Keyv does not always forward it. The result ends that.
 */
export function onErrorOf(keyvs: readonly Keyv[], listener: (error: unknown) => void): () => void {
  const emitters: readonly Emitter[] = keyvs.flatMap((keyv) => [keyv, keyv.store as Emitter]); // of any shape
  for (const emitter of emitters) emitter.on?.("error", listener);
  return () => {
    for (const emitter of emitters) emitter.off?.("error", listener);
  };
}

/** The result of `work`, or a rejection after `ms`. */
export function within<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T> {
  return inTime(
    clock,
    ms,
    () => work,
    () => new Late(`no answer within ${ms} ms`),
  );
}

/** The error for a Keyv store that does not meet a requirement. */
export function unusable(rule: string, cause?: unknown): LifecycleError {
  const details = cause === undefined ? {} : { cause: storageTrouble(cause) };
  return storeUnusable(`Cannot use this Keyv store: ${rule}`, details);
}

/** The error for a row whose key the storage refuses. */
export function refusedKeyError(key: string, given: unknown): LifecycleError {
  const cause = storageTrouble(given);
  return new LifecycleError(
    "INVALID_ID",
    `Cannot write a user to the Keyv store: the storage must hold its key of ${Buffer.byteLength(key)} bytes, and refuses it while it takes others; give the storage longer keys (keySize), or the user a shorter id`,
    { cause },
  );
}

/** The error of a failed store call. */
export function unavailable(doing: string, cause: unknown): LifecycleError {
  return storeUnavailable(`Cannot ${doing} the Keyv store`, { cause: storageTrouble(cause) });
}
