/**
 * A file with a list of users: a column of a CSV file, or an id a line.
 *
 * @module
 */
import { closeSync, constants, createReadStream, fstatSync, open } from "node:fs";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { Transform } from "node:stream";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { CsvError, parse } from "csv-parse";
import { UsageError } from "./arguments.ts";
import { isSystemError } from "./system-error.ts";

/** Where the ids stand. */
export interface ListFile {
  /** `-`: the standard input. */
  readonly path: string;
  /** The column of a CSV file; `undefined`: see {@link idsIn}. */
  readonly column: string | undefined;
}

/** The column that is looked for in a CSV file. */
export const usualColumn = "app_user_id";

/**
 * The ids of the list, read as they are asked for. A file whose name ends in `.csv` or `.tsv`, or of which a column is
 * named, is CSV with a header; any other has an id a line. Blank lines do not count.
 *
 * An input that says nothing would keep the process alive, and `return()` queues behind the `next()` that waits: only
 * `signal` ends that wait.
 *
 * @throws {UsageError} if the file cannot be read as what it should be; the signal's reason
 */
export async function* idsIn({ path, column }: ListFile, signal: AbortSignal): AsyncGenerator<string, void> {
  const source = path === "-" ? process.stdin : await opened(path);
  const isCsv = column !== undefined || /\.[ct]sv$/i.test(path);
  try {
    if (isCsv) yield* cellsOf(source, path, column ?? usualColumn, signal);
    else yield* linesOf(source, path, signal);
    signal.throwIfAborted(); // lines just end
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CsvError) throw new UsageError(`Cannot read ${path}: ${error.message}`);
    if (isSystemError(error)) throw new UsageError(`Cannot read ${path}: ${error.code}`);
    throw error;
  } finally {
    source.destroy();
  }
}

/** Only Node reads a pipe by a socket. */
const isNode = !("Deno" in globalThis) && !("Bun" in globalThis);

async function opened(path: string): Promise<Readable> {
  try {
    // A read of a file cannot be given up: one of a silent pipe would keep the process alive, as its opening would.
    const file = await promisify(open)(path, constants.O_RDONLY | (isNode ? (constants.O_NONBLOCK ?? 0) : 0));
    const stats = fstatSync(file);
    if (stats.isFIFO() && isNode) return new Socket({ fd: file, writable: false });
    if (!stats.isDirectory()) return createReadStream(path, { fd: file });
    closeSync(file);
  } catch (error) {
    if (isSystemError(error)) throw new UsageError(`Cannot read ${path}: ${error.code}`);
    throw error;
  }
  throw new UsageError(`Cannot read ${path}: it must be a file, and it is a folder`);
}

/** Lets through what is UTF-8. Of anything else a decoder makes one and the same sign, and of two people one. */
function utf8(path: string): Transform {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const check = (bytes?: Uint8Array): Error | null => {
    try {
      decoder.decode(bytes, { stream: bytes !== undefined });
      return null;
    } catch {
      return new UsageError(`Cannot read ${path}: it must be text in UTF-8`);
    }
  };
  return new Transform({
    transform: (bytes: Uint8Array, _, done) => done(check(bytes), bytes),
    flush: (done) => done(check()),
  });
}

async function* linesOf(source: Readable, path: string, signal: AbortSignal): AsyncGenerator<string, void> {
  let first = true;
  const input = utf8(path);
  pipeline(source, input, { signal }).catch(() => {}); // what goes wrong comes out of the lines
  for await (const line of createInterface({ input, crlfDelay: Infinity, signal })) {
    const id = (first ? line.replace(/^\uFEFF/u, "") : line).trim();
    first = false;
    if (id !== "") yield id;
  }
}

async function* cellsOf(
  source: Readable,
  path: string,
  column: string,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const rows = parse({
    bom: true,
    columns: (header: string[]) => {
      if (header.includes(column)) return header;
      const known = header.map((name) => JSON.stringify(name)).join(", ");
      throw new UsageError(
        `Cannot read ${path}: it has no column ${JSON.stringify(column)}; --column takes one of ${known}`,
      );
    },
    delimiter: /\.tsv$/i.test(path) ? "\t" : ",",
    skip_empty_lines: true,
    trim: true,
  });
  pipeline(source, utf8(path), rows, { signal }).catch(() => {}); // what goes wrong comes out of the rows
  for await (const row of rows as AsyncIterable<Readonly<Record<string, string>>>) yield row[column] ?? ""; // `columns` is set
}
