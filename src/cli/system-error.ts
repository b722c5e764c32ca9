/**
 * Errors of the operating system, e.g. when a file or a port is not available.
 *
 * @module
 */

/** A system error, e.g. with the code `ENOENT`. */
export function isSystemError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string";
}

/** A system error's code; another error's message. */
export function reasonOf(error: unknown): string {
  return isSystemError(error) ? error.code : String(error);
}
