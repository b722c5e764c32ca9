/** A world that comes from outside: a file, or another process. */

import { LifecycleError } from "../errors.ts";
import { isObject } from "./rules.ts";
import type { Sandbox } from "./sandbox.ts";
import type { SandboxSnapshot } from "./world.ts";

/**
 * Puts back a world that was read as JSON. One that is none changes nothing.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function restoreFrom(sandbox: Sandbox, value: unknown): void {
  if (!isSnapshot(value)) throw refused();
  const before = sandbox.snapshot();
  try {
    sandbox.restore(value);
    sandbox.snapshot(); // what cannot be read back is none
  } catch {
    sandbox.restore(before);
    throw refused();
  }
}

/** Has it the fields of one, of the right kinds? What stands in its lists is found out by using it. */
function isSnapshot(value: unknown): value is SandboxSnapshot {
  if (!isObject(value)) return false;
  const { format, credentials, chance, users, grants, resources, quota } = value;
  return (
    (format === 1 || format === 2) &&
    isObject(credentials) &&
    typeof credentials["clientId"] === "string" &&
    typeof credentials["clientSecret"] === "string" &&
    [chance, users, resources].every(Array.isArray) &&
    isObject(grants) &&
    ["codes", "accessTokens", "refreshTokens"].every((name) => isListOfObjects(grants[name])) &&
    isListOfObjects(users) &&
    isListOfObjects(resources) &&
    isObject(quota) &&
    Array.isArray(quota["times"])
  );
}

function isListOfObjects(value: unknown): boolean {
  return Array.isArray(value) && value.every(isObject);
}

function refused(): LifecycleError {
  return new LifecycleError(
    "INVALID_OPTION",
    "Cannot restore the sandbox: what is given must be what snapshot() gave",
  );
}
