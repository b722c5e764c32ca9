/**
 * Reads a list of users from a file: one column of a CSV file, or one id per line.
 *
 * @module
 */
import { closeSync, constants, createReadStream, fstatSync, open } from "node:fs";
import { access, stat } from "node:fs/promises";
import { Socket } from "node:net";
import { Transform, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { CsvError, parse } from "csv-parse";
import { linesIn } from "../lines-in.ts";
import { isId } from "../runtime/options/check-id.ts";
import { UsageError } from "./arguments.ts";
import { quotedCells, type QuotedCells } from "./quoted-cells.ts";
import { lineEndsIn, refuseSwallowed } from "./swallowed-rows.ts";
import { isSystemError } from "./system-error.ts";

/** Where to find the ids. */
export interface ListFile {
  /** The path; `-` is the standard input. */
  readonly path: string;
  /** The column of a CSV file; `undefined`: see {@link idsIn}; `null`: it has one entry per line, whatever its name. */
  readonly column: string | null | undefined;
}

/** An entry of the list. */
export interface ListRow {
  readonly id: string;
  /** The line of the file where it ends, starting at 1. */
  readonly line: number;
}

/** What a list holds. */
export interface ListSurvey {
  readonly rows: number;
  /** Rows whose id 1upHealth takes for none. */
  readonly unusable: number;
  /** The names in the first line; `null`: it has one id per line. */
  readonly columns: readonly string[] | null;
  /** The first ids. */
  readonly first: readonly string[];
}

/** A longer line, in characters, is that of another kind of file. */
const longestLine = 1_000_000;
const tooLong = "has more than a million characters";

/** The default column of a CSV file. */
export const usualColumn = "app_user_id";

/** The ids of the list alone; see {@link rowsIn}. */
export async function* idsIn(list: ListFile, signal: AbortSignal): AsyncGenerator<string, void> {
  for await (const { id } of rowsIn(list, signal)) yield id;
}

/**
 * The rows of the list, read on demand. A file whose name ends in `.csv` or `.tsv`, or for which a column is given, is CSV
 * with a header; any other file has one id per line. Blank lines are skipped, and white space around an id is removed.
 * 1upHealth deletes no user, so what is no such list is refused, not taken for ids. `onColumns` gets the header of CSV.
 *
 * An input that stays open without sending data would keep the process alive, and `return()` queues behind the pending
 * `next()`: only `signal` ends that wait.
 *
 * @throws {UsageError} if the file cannot be read in that format; the signal's reason
 */
export async function* rowsIn(
  { path, column }: ListFile,
  signal: AbortSignal,
  onColumns: (columns: readonly string[]) => void = () => {},
): AsyncGenerator<ListRow, void> {
  if (column !== null && /\.(?:json|jsonl|ndjson)$/i.test(path)) throw isJson(path);
  const source = path === "-" ? process.stdin : await opened(path);
  const isCsv = typeof column === "string" || (column === undefined && /\.[ct]sv$/i.test(path));
  const marks = quotedCells();
  try {
    if (isCsv) yield* cellsOf(source, path, column ?? usualColumn, signal, onColumns, marks);
    else yield* linesOf(source, path, signal, column === null ? () => {} : refuseForeign);
    signal.throwIfAborted(); // an abort just ends the lines
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CsvError) {
      // A quote inside a cell of the header: the cell is several, separated by another sign.
      const [, cell = ""] = / at line 1, value is "(.*)"$/s.exec(error.message) ?? [];
      const other = separators.find(([sign]) => cell.includes(sign))?.[1];
      throw other === undefined
        ? new UsageError(`Cannot read ${path}: ${ruleOf(error, marks)}`)
        : wrongSeparator(path, other);
    }
    if (isSystemError(error)) throw new UsageError(`Cannot read ${path}: ${error.code}`);
    throw error;
  } finally {
    source.destroy();
  }
}

/**
 * Makes sure that the list can be read, before a store is opened, or created, for it: a file to its end; a pipe can be
 * read only once.
 *
 * @throws {UsageError} if it cannot
 */
export async function checkReadable(list: ListFile, signal: AbortSignal): Promise<void> {
  const { path } = list;
  if (path === "-") return;
  try {
    await access(path, constants.R_OK);
    if ((await stat(path)).isFile()) await surveyOf(list, signal);
  } catch (error) {
    throw isSystemError(error) ? new UsageError(`Cannot read ${path}: ${error.code}`) : error;
  }
}

/** Reads the list to its end. @throws {UsageError} as {@link rowsIn} */
export async function surveyOf(list: ListFile, signal: AbortSignal): Promise<ListSurvey> {
  const first: string[] = [];
  let [rows, unusable, columns]: [number, number, readonly string[] | null] = [0, 0, null];
  for await (const { id } of rowsIn(list, signal, (header) => (columns = header))) {
    rows++;
    if (!isId(id)) unusable++;
    else if (first.length < 3) first.push(id);
  }
  return { rows, unusable, columns, first };
}

/** Only Node reads a pipe through a socket. */
const isNode = !("Deno" in globalThis) && !("Bun" in globalThis);

async function opened(path: string): Promise<Readable> {
  try {
    // A pending file read cannot be cancelled: on a pipe without data, reading or opening would keep the process alive.
    const file = await promisify(open)(path, constants.O_RDONLY | (isNode ? (constants.O_NONBLOCK ?? 0) : 0));
    const stats = fstatSync(file);
    if (stats.isFIFO() && isNode) return new Socket({ fd: file, writable: false });
    if (!stats.isDirectory()) return createReadStream(path, { fd: file });
    closeSync(file);
  } catch (error) {
    if (isSystemError(error)) throw new UsageError(`Cannot read ${path}: ${error.code}`);
    throw error;
  }
  throw new UsageError(`Cannot read ${path}: it must be a file, but it is a folder`);
}

/** Passes UTF-8 only. A decoder would replace every other byte by the same character, and so merge two ids into one. */
function utf8(path: string): Transform {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const check = (bytes?: Uint8Array): Error | null => {
    try {
      if (bytes?.includes(0) === true) throw new TypeError("UTF-16, or no text");
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

async function* linesOf(
  source: Readable,
  path: string,
  signal: AbortSignal,
  check: typeof refuseForeign,
): AsyncGenerator<ListRow, void> {
  const input = utf8(path);
  pipeline(source, input, { signal }).catch(() => {}); // errors surface while reading the lines
  const refuseLong = ({ length }: string): void => {
    if (length > longestLine) throw new UsageError(`Cannot read ${path}: a line of it ${tooLong}`);
  };
  let [line, isFirst] = [0, true];
  for await (const text of withLast(linesIn(input, refuseLong)))
    for (const each of text.split(/\r(?!$)/)) {
      line++;
      const id = each.trim(); // of a byte order mark, too
      if (id === "") continue;
      check(path, { id, line }, isFirst);
      isFirst = false;
      yield { id, line };
    }
}

/** What stands in a file of columns, and hardly in an id. */
const signsOfCsv: readonly (readonly [RegExp, string])[] = [
  [/,/, "a comma"],
  [/;/, "a semicolon"],
  [/\t/, "a tab"],
  [/^".*"$/, "quotation marks"],
];

/** @throws {UsageError} for a line of CSV or JSON, which is not quoted: it may hold health data */
function refuseForeign(path: string, { id, line }: ListRow, isFirst: boolean): void {
  if (isFirst && /^[[{]/.test(id)) throw isJson(path);
  const isHeader = isFirst && id === usualColumn;
  const sign = isHeader ? "the name of a column" : signsOfCsv.find(([pattern]) => pattern.test(id))?.[1];
  if (sign === undefined) return;
  throw new UsageError(
    `Cannot read ${path}: line ${line} holds ${sign}, as CSV does, and a list without columns has one app_user_id per line; if it is CSV, name its column with --column NAME, or the file .csv (.tsv with tabs); an id that really holds such a sign goes into a .csv file, in quotation marks`,
  );
}

function isJson(path: string): UsageError {
  return new UsageError(
    `Cannot read ${path}: it must be CSV, or have one app_user_id per line, and it is JSON; of a list of objects, jq -r '.[].app_user_id' makes such lines`,
  );
}

/** With the last line, even if no line feed ends it. */
async function* withLast(lines: AsyncGenerator<string, string>): AsyncGenerator<string, void> {
  yield yield* lines;
}

/** A row, its cells by their places, and where it ends. */
interface CsvRow {
  readonly info: { readonly lines: number };
  readonly record: Readonly<Record<string, string>>;
}

async function* cellsOf(
  source: Readable,
  path: string,
  column: string,
  signal: AbortSignal,
  onColumns: (columns: readonly string[]) => void,
  marks: QuotedCells,
): AsyncGenerator<ListRow, void> {
  let broken: CsvError | undefined;
  let idAt = -1;
  const sign = isOfTabs(path) ? "\t" : ",";
  const refuseBroken = (): void => {
    if (broken !== undefined) throw broken;
  };
  const rows = parse({
    bom: true,
    columns: (header: string[]) => {
      refuseBroken();
      onColumns(header);
      idAt = header.indexOf(column);
      refuseSwallowed(path, header, 1, { idAt, sign });
      const found = header.filter((name) => name === column).length;
      if (found > 1)
        throw new UsageError(
          `Cannot read ${path}: ${found} of its columns are called ${JSON.stringify(column)}; rename the ones that hold no ids`,
        );
      if (found === 1) return header.map((_, index) => String(index)); // names may be equal
      const other = separatorOf(header, column);
      if (other !== undefined) throw wrongSeparator(path, other);
      throw new UsageError(
        `Cannot read ${path}: ${header.length === 1 ? "its only column is not" : `none of its ${header.length} columns is`} called ${JSON.stringify(column)}; --column takes the name of one in its first line`,
      );
    },
    delimiter: sign,
    skip_empty_lines: true,
    trim: true,
    max_record_size: longestLine,
    info: true,
    skip_records_with_error: true, // as an error of the stream it would drop the rows before it
  });
  rows.on("skip", (error: CsvError) => (broken ??= error));
  pipeline(source, utf8(path), marks.pass, rows, { signal }).catch(() => {}); // errors surface while reading the rows
  for await (const { info, record } of rows as AsyncIterable<CsvRow>) {
    if (info.lines >= Number(broken?.["lines"] ?? Infinity)) break;
    marks.forget(info.lines);
    const cells = Object.values(record); // by their places
    refuseSwallowed(path, cells, info.lines - cells.reduce((sum, cell) => sum + lineEndsIn(cell), 0), {
      idAt,
      sign,
    });
    yield { id: (cells[idAt] ?? "").trim(), line: info.lines }; // white space inside of quotation marks stays until here
  }
  refuseBroken();
  if (idAt === -1)
    throw new UsageError(`Cannot read ${path}: it is empty, and its first line must name the columns`);
}

/** Which line is wrong and why, without the cell that the parser's own message quotes: it may hold health data. */
function ruleOf(error: CsvError, marks: QuotedCells): string {
  const line = Number(error["lines"]);
  const begins = marks.beginOf(line);
  switch (error.code) {
    case "INVALID_OPENING_QUOTE":
      return inLine("a cell with a quotation mark in it must be in quotation marks, with that one doubled");
    case "CSV_INVALID_CLOSING_QUOTE":
    case "CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE":
      return inLine(
        "nothing may follow the closing quotation mark of a cell, and one inside must be doubled",
      );
    case "CSV_QUOTE_NOT_CLOSED":
      return unclosed(marks.unclosed() ?? line, "");
    case "CSV_RECORD_INCONSISTENT_COLUMNS":
      return inLine("it must have as many cells as the first line");
    case "CSV_MAX_RECORD_SIZE":
      return begins === undefined
        ? inLine(`it ${tooLong}`)
        : unclosed(begins, " within a million characters");
    default:
      return inLine(error.code);
  }

  function inLine(rule: string): string {
    const far = "; a cell that ends there may lack its closing quotation mark: it begins in line ";
    return `line ${line} is no CSV: ${rule}${begins === undefined ? "" : `${far}${begins}`}`;
  }

  function unclosed(at: number, within: string): string {
    return `line ${at} is no CSV: a cell that begins there has no closing quotation mark${within}`;
  }
}

const separators: readonly (readonly [sign: string, name: string])[] = [
  [";", "semicolons"],
  ["\t", "tabs"],
  ["|", "vertical bars"],
  [",", "commas"],
];

function wrongSeparator(path: string, found: string): UsageError {
  const rule = isOfTabs(path) ? "tabs" : "commas";
  return new UsageError(
    `Cannot read ${path}: its columns must be separated by ${rule}, not by ${found}; save it as CSV with commas, or as a .tsv file with tabs`,
  );
}

function isOfTabs(path: string): boolean {
  return /\.tsv$/i.test(path);
}

/** The separator that the header uses in place of the expected one; `undefined`: the column is missing. */
function separatorOf(header: readonly string[], column: string): string | undefined {
  const text = header.join(",").replaceAll('"', "");
  return separators.find(([sign]) => {
    const cells = text.split(sign).map((name) => name.trim());
    return cells.length > header.length && cells.includes(column);
  })?.[1];
}
