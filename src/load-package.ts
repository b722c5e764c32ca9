/**
 * Packages that are loaded when they are first needed.
 *
 * @module
 */
import { closeSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { devNull } from "node:os";
import { isError } from "./realms.ts";

/**
 * Loads a CommonJS package with `load()`, or else with `require()`: Node never repeats an import that has failed, even if
 * the cause was a moment without free file descriptors, or an `npm ci` beside the running process.
 *
 * @throws what `load()` throws, if neither loads it; `EMFILE` or `ENFILE` if the process has no free file descriptor
 */
export async function loadPackage<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    try {
      return createRequire(import.meta.url)(name) as T;
    } catch {
      throw lackOfFiles() ?? cause;
    }
  }
}

/** The error of a process that can open no file: to Node, packages that it cannot read are missing. */
function lackOfFiles(): Error | null {
  try {
    closeSync(openSync(devNull, "r"));
  } catch (error) {
    const lack = error as NodeJS.ErrnoException;
    if (lack.code === "EMFILE" || lack.code === "ENFILE") return lack;
  }
  return null;
}

/** Whether the package, or a file of it, is not there: it is not installed, or is being installed. */
export function isMissing(error: unknown): boolean {
  return isError(error) && "code" in error && String(error.code).endsWith("MODULE_NOT_FOUND");
}
