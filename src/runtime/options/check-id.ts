/**
 * The rule for an `app_user_id`, which every operation on a user checks first.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { LifecycleError } from "../../errors.ts";

/** @throws {LifecycleError} `INVALID_ID` unless it is 1–512 bytes of UTF-8 without control characters */
export function checkId(id: string): string {
  if (typeof id !== "string") throw badId(`a string, not ${id === null ? "null" : typeof id}`);
  // ids go into HTTP, keys and logs, so they must not contain invisible characters
  if (id.length === 0 || id.length > 512 || (id.length > 128 && Buffer.byteLength(id) > 512)) {
    throw badId(`1 to 512 bytes long, not ${Buffer.byteLength(id)}`);
  }
  if (/[\p{Cc}]/u.test(id) || !id.isWellFormed()) throw badId("well-formed text without control characters");
  return id;
}

/** Whether this is a valid `app_user_id` here. */
export function isId(id: string): boolean {
  try {
    return checkId(id) === id;
  } catch {
    return false;
  }
}

function badId(rule: string): LifecycleError {
  return new LifecycleError("INVALID_ID", `Cannot use this app_user_id: it must be ${rule}`);
}
