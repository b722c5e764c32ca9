/**
 * LMDB's store, loaded when it is first used. Its driver has native code, and makes functions of texts.
 *
 * @module
 */
import type { lmdb } from "../adapters/lmdb.ts";
import { storeUnusable } from "./errors.ts";
import { isMissing } from "./load-package.ts";
import { errorCode, isError } from "./realms.ts";

/**
 * Loads `lmdb()`.
 *
 * @throws {LifecycleError} `STORE_UNUSABLE` where its driver is not installed for this platform, or must not be loaded
 */
export async function loadLmdb(): Promise<typeof lmdb> {
  try {
    return (await import("../adapters/lmdb.ts")).lmdb;
  } catch (cause) {
    throw storeUnusable(`Cannot use the lmdb store: ${ruleBroken(cause)}; Redis and PostgreSQL need none`, {
      cause,
    });
  }
}

function ruleBroken(cause: unknown): string {
  if (isError(cause) && cause.name === "EvalError")
    return "this process must allow code generation from strings, and a flag of Node forbids it";
  if (errorCode(cause) === "ERR_DLOPEN_DISABLED")
    return "this process must allow native code (--allow-addons), and a flag of Node forbids it";
  if (isMissing(cause)) return "the package lmdb must be installed";
  return "the native code of the package lmdb must be there for this platform; install again on it, with optional dependencies (without --omit=optional), and where a tool copies only the files that it traces, add node_modules/@lmdb";
}
