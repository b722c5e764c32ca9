/**
 * What a value is, also if it was made in another realm. Jest, and Vitest in `vmThreads` and `vmForks`, run a test and this
 * library in a VM context with an `Error` and a `Promise` of its own; what Node's modules throw and return is not of these.
 *
 * @module
 */

/** An error, also one of Node's own modules in a VM context. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || tagOf(value) === "Error";
}

/** The `code` of an error, e.g. `ENOENT` of a file that is not there. */
export function errorCode(error: unknown): unknown {
  return isError(error) && "code" in error ? error.code : undefined;
}

export function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise || tagOf(value) === "Promise";
}

/** A `Uint8Array`, such as a `Buffer`. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || tagOf(value) === "Uint8Array";
}

function tagOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  try {
    return Object.prototype.toString.call(value).slice(8, -1);
  } catch {
    return undefined; // a proxy that was revoked, or one that throws
  }
}
