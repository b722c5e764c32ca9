/**
 * The error of a store that was emptied, or replaced, under a process that has it open.
 *
 * @module
 */
import { isLifecycleError, type LifecycleError, storeUnusable } from "../errors.ts";

/** Creates the error. It is final: the users and the log of calls that this process relies on are gone. */
export function lostStore(
  what = "it was emptied or replaced while this process had it open (FLUSHALL, a restart without persistence, a truncated table)",
): LifecycleError {
  return storeUnusable(
    `Cannot use the store any more: ${what}, so nothing more is written or sent; stop every process that uses it, restore its data if they were lost, and open the lifecycle again`,
    { facts: { storeLost: true } },
  );
}

/** Whether this is that error. */
export function isLostStore(error: unknown): error is LifecycleError {
  return isLifecycleError(error, "STORE_UNUSABLE") && error.facts["storeLost"] === true;
}

/** Whether this process cannot write to the store any more: it was lost, or moved. */
export function isClosedStore(error: unknown): error is LifecycleError {
  return isLostStore(error) || isLifecycleError(error, "STORE_MOVED");
}
