/**
 * The file of `--rejects`: the rows of a list that could not be used, as CSV that `onboard` reads once they are corrected.
 *
 * @module
 */
import { closeSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { UsageError } from "../arguments.ts";
import { usualColumn } from "../list-file.ts";
import { isSystemError } from "../system-error.ts";

const header = `line,${usualColumn},code,why\n`;

/** An open file of rejects. */
export interface RejectsFile {
  write(line: number, id: string, code: string, why: string): void;
  /** @throws the first error of a write */
  close(): void;
}

/**
 * Opens the file, which only its owner may read: ids are personal data. One that an earlier run left is replaced.
 *
 * @param list the path of the list, which it must not replace
 * @throws {UsageError} if another file is there, or none can be written
 */
export function rejectsFile(path: string, list: string): RejectsFile {
  if (isSameFile(path, list)) throw new UsageError("--rejects must be another file than the list");
  const file = opened(path);
  let failure: Error | null = null;
  const append = (text: string): void => {
    try {
      writeSync(file, text);
    } catch (error) {
      failure ??= error as Error; // of the file system: a full disk does not end the import
    }
  };
  append(header);
  return {
    write(line, id, code, why) {
      append(`${line},${[id, code, why].map((cell) => `"${cell.replaceAll('"', '""')}"`).join(",")}\n`);
    },
    close() {
      closeSync(file);
      if (failure !== null) throw failure;
    },
  };
}

/** Whether both paths lead to one file, also through a link. */
function isSameFile(one: string, other: string): boolean {
  try {
    const [found, there] = [statSync(one, { bigint: true }), statSync(other, { bigint: true })];
    return found.ino === there.ino && found.dev === there.dev;
  } catch {
    return false; // one of them is not there, and opening it tells why
  }
}

function opened(path: string): number {
  try {
    return openSync(path, isOurs(path) ? "w" : "wx", 0o600);
  } catch (error) {
    if (isSystemError(error) && error.code === "EEXIST")
      throw new UsageError(`Cannot write ${path}: it is there already, and --rejects replaces only its own`);
    throw isSystemError(error) ? new UsageError(`Cannot write ${path}: ${error.code}`) : error;
  }
}

function isOurs(path: string): boolean {
  try {
    return readFileSync(path, "utf8").startsWith(header);
  } catch {
    return false; // opening it tells why
  }
}
