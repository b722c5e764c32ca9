/**
 * Finds rows of CSV that a cell has swallowed: one whose closing quotation mark is missing goes on to the next mark, and
 * if that one closes a cell as well, the parser sees nothing wrong.
 *
 * @module
 */
import { UsageError } from "./arguments.ts";

/** What is known of the rows of a file. */
export interface RowShape {
  /** The place of the ids among the cells. */
  readonly idAt: number;
  /** The sign between two cells. */
  readonly sign: string;
}

/**
 * Refuses a row with a cell of several lines where that cell holds the id, or where its lines look like rows.
 *
 * @throws {UsageError} which does not quote the cell: it may hold health data
 */
export function refuseSwallowed(
  path: string,
  cells: readonly string[],
  begins: number,
  { idAt, sign }: RowShape,
): void {
  let line = begins;
  for (const [index, cell] of cells.entries()) {
    const ends = line + lineEndsIn(cell);
    const isId = index === idAt && lineEndsIn(cell.trim()) > 0;
    if (isId || (ends > line && areRows(cell.split(lineEnd), sign, index, cells.length - 1))) {
      const why = isId ? "must be an id of one line" : "holds what looks like rows";
      const otherwise = isId ? "" : ", or, if it really has several lines, leave its column out of the file";
      throw new UsageError(
        `Cannot read ${path}: the cell in quotation marks from line ${line} to line ${ends} ${why}; add the closing quotation mark that it lacks${otherwise}`,
      );
    }
    line = ends;
  }
}

const lineEnd = /\r\n?|\n/;

/** How many lines end in a text. */
export function lineEndsIn(text: string): number {
  return /[\r\n]/.test(text) ? text.split(lineEnd).length - 1 : 0; // most have none
}

/**
 * Whether the lines of the cell at `index` look like the end of a row, whole rows, and the beginning of one, of rows with
 * so many `separators`. A sign before a space is one of prose.
 */
function areRows(lines: readonly string[], sign: string, index: number, separators: number): boolean {
  const [first = "", ...others] = lines;
  const last = others.at(-1) ?? "";
  const count = (line: string): number => line.split(sign).length - 1;
  const ofProse = (line: string): number => line.split(`${sign} `).length - 1;
  const tells = index > 0 || others.length > 1; // the beginning of a first cell may be any text
  return (
    tells &&
    last !== "" &&
    count(first) - ofProse(first) >= separators - index &&
    others.every((line) => ofProse(line) === 0) &&
    count(last) === index &&
    others.slice(0, -1).every((line) => count(line) === separators)
  );
}
