/** Restores a sandbox from untrusted JSON: a file, or another process. */

import { invalidOption, type LifecycleError } from "../../errors.ts";
import { isObject } from "../../checks.ts";
import type { Sandbox } from "../sandbox.ts";
import type { SandboxSnapshot } from "../state/world.ts";

/**
 * Restores a snapshot that was read as JSON. An invalid one changes nothing.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function restoreFrom(sandbox: Sandbox, value: unknown): void {
  if (!isSnapshot(value)) throw refused();
  const before = sandbox.snapshot();
  try {
    sandbox.restore(value);
    sandbox.snapshot(); // throws if the restored state cannot be read back
  } catch {
    sandbox.restore(before);
    throw refused();
  }
}

/** Whether it has the fields of a snapshot, of the right types. List items are validated by using them. */
function isSnapshot(value: unknown): value is SandboxSnapshot {
  if (!isObject(value)) return false;
  const { format, credentials, formerSecrets = [], chance, users, grants, resources, quota } = value;
  return (
    format === 1 &&
    Array.isArray(formerSecrets) &&
    formerSecrets.every((one) => typeof one === "string") &&
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
  return invalidOption("Cannot restore the sandbox: the value must be a result of snapshot()");
}
