/**
 * Errors of the operating system, e.g. when a file or a port is not available.
 *
 * @module
 */

import { isError } from "../realms.ts";

/** A system error, e.g. with the code `ENOENT`. */
export function isSystemError(error: unknown): error is Error & { readonly code: string } {
  return isError(error) && "syscall" in error && "code" in error && typeof error.code === "string";
}

/** A system error's code; another error's message. */
export function reasonOf(error: unknown): string {
  return isSystemError(error) ? error.code : String(error);
}

/** What the codes mean that a person can act on. */
const meanings: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EEXIST: "a file or a broken link is in its place",
  ENOENT: "it does not exist",
  ENOSPC: "no space is left on the disk",
  ENOTDIR: "a part of its path is no folder",
  EPERM: "permission denied",
  EROFS: "the disk is read-only",
};

/** A system error as a sentence, with the path that it is about, if it names one. */
export function systemErrorInWords(error: Error & { readonly code: string }): string {
  const path = "path" in error && typeof error.path === "string" ? ` ${error.path}` : "";
  if ("syscall" in error && error.syscall === "mkdir" && error.code === "ENOENT")
    return `Cannot create the folder${path}: the system takes no folder there (ENOENT)`;
  return `Cannot read or write${path}: ${meanings[error.code] ?? "the operating system refused"} (${error.code})`;
}
