/**
 * Creates a folder, and finds where it is.
 *
 * @module
 */
import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { invalidOption } from "../errors.ts";

/**
 * Creates the folder, and those above it that are missing, with mode 0700; returns the topmost one that it created. Node's
 * recursive `mkdir` never ends where a system answers ENOENT although the folder above is there, as /proc does.
 *
 * @throws {Error} of the operating system
 */
export function makeFolder(path: string): string | undefined {
  const missing: string[] = [];
  for (let at = resolve(path); !isFolder(at) && at !== dirname(at); at = dirname(at)) missing.unshift(at);
  for (const folder of missing) {
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      if (!isFolder(folder)) throw error; // another process may have been faster
    }
  }
  return missing[0];
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/**
 * The path, from the working folder on if it is relative.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if that folder is gone, e.g. because a deployment has replaced it
 */
export function absolutePath(verb: string, path: string): string {
  try {
    return resolve(path);
  } catch (cause) {
    throw invalidOption(
      `Cannot ${verb}: a relative path needs the working folder of the process, which was deleted; use an absolute one`,
      { cause },
    );
  }
}
