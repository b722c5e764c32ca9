/**
 * What the system says when a file or a port cannot be had.
 *
 * @module
 */

/** An error of the system's, e.g. `ENOENT`. */
export function isSystemError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string";
}

/** Its code; another error in its own words. */
export function reasonOf(error: unknown): string {
  return isSystemError(error) ? error.code : String(error);
}
