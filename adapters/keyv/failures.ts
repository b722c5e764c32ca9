/**
 * What goes wrong with a Keyv store, and what we say then.
 *
 * @module
 */
import { inTime } from "../../src/clock.ts";
import type { Clock } from "../../src/clock.ts";
import { LifecycleError } from "../../src/errors.ts";

/** Trouble in words of ours. */
export class Trouble extends Error {
  override readonly name = "Trouble";
}

/**
 * Trouble of the storage beneath. Its kind and code are kept, its words are not: they may quote keys, which are ids
 * of users, and a write that fails fails for all who share it.
 */
export function storageTrouble(error: unknown): Trouble {
  if (error instanceof Trouble) return error;
  const kind = error instanceof Error ? error.name : typeof error;
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  const words = [kind, code].filter((word) => /^\w{2,40}$/.test(word));
  return new Trouble(`the storage beneath the Keyv failed (${words.join(" ")})`);
}

/** The value of `work`, or a rejection after `ms`. */
export function within<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T> {
  return inTime(
    clock,
    ms,
    () => work,
    () => new Trouble(`no answer within ${ms} ms`),
  );
}

/** A Keyv store that cannot be used as it is. */
export function unusable(rule: string): LifecycleError {
  return new LifecycleError("STORE_UNUSABLE", `Cannot use this Keyv store: ${rule}`);
}

/** A verb that failed. */
export function unavailable(doing: string, cause: unknown): LifecycleError {
  return new LifecycleError("STORE_UNAVAILABLE", `Cannot ${doing} the Keyv store`, {
    retryable: true,
    cause: storageTrouble(cause),
  });
}
