/**
 * The file of `--rejects`: the rows of a list that could not be used, as CSV that `onboard` reads once they are corrected.
 *
 * @module
 */
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
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
    if (failure !== null) return; // what follows a part of a row, or of the header, would be misread
    try {
      writeFileSync(file, text);
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
    // Opening or reading a pipe waits for its other end, and no signal ends that.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false)
      throw new UsageError(
        `Cannot write ${path}: --rejects must be a regular file, no pipe, device or folder`,
      );
    return openSync(path, isOurs(path) ? "w" : "wx", 0o600);
  } catch (error) {
    if (isSystemError(error) && error.code === "EEXIST")
      throw new UsageError(`Cannot write ${path}: it is there already, and --rejects replaces only its own`);
    throw isSystemError(error) ? new UsageError(`Cannot write ${path}: ${error.code}`) : error;
  }
}

/** Whether an earlier run has left it, perhaps on a full disk: then it is empty, or ends within the header. */
function isOurs(path: string): boolean {
  try {
    const text = readFileSync(path, "utf8");
    return text.startsWith(header) || header.startsWith(text);
  } catch {
    return false; // opening it tells why
  }
}
