/**
 * Notes in which lines the cells of CSV in quotation marks begin: the parser names only the line that it has reached.
 *
 * @module
 */
import { Transform } from "node:stream";

/** The lines of the cells that were seen. */
export interface QuotedCells {
  /** Passes CSV on to the parser, with LF for CR LF, which the parser counts twice within a cell. */
  readonly pass: Transform;
  /** The earlier line in which the cell begins that holds the beginning of `line`. */
  beginOf(line: number): number | undefined;
  /** The line in which the cell begins that has no end yet. */
  unclosed(): number | undefined;
  /** Forgets the cells that end before, or in, `line`. */
  forget(line: number): void;
}

const [lineFeed, carriageReturn, mark] = [0x0a, 0x0d, 0x22];

/** Notes the cells of a text that it passes on. */
export function quotedCells(): QuotedCells {
  /** Those that hold the end of a line, and ended. */
  let cells: { readonly begins: number; readonly ends: number }[] = [];
  let line = 1;
  let begins: number | undefined;
  /** Before the current byte a cell has ended: a second mark is part of it. */
  let ended: number | undefined;
  let isReturn = false;

  function note(byte: number): void {
    if (byte === mark) {
      const before = begins;
      begins = before === undefined ? (ended ?? line) : undefined;
      ended = before;
      return;
    }
    if (ended !== undefined && ended < line) cells.push({ begins: ended, ends: line });
    ended = undefined;
    if (byte === lineFeed || byte === carriageReturn) line++;
  }

  /** The bytes without each CR before an LF. One at the end waits for what follows. */
  function withoutReturns(bytes: Uint8Array): Uint8Array {
    if (!isReturn && !bytes.includes(carriageReturn)) return bytes;
    const kept = new Uint8Array(bytes.length + 1);
    let length = 0;
    for (const byte of bytes) {
      if (isReturn && byte !== lineFeed) kept[length++] = carriageReturn;
      isReturn = byte === carriageReturn;
      if (!isReturn) kept[length++] = byte;
    }
    return kept.subarray(0, length);
  }

  return {
    pass: new Transform({
      transform(bytes: Uint8Array, _, done) {
        const kept = withoutReturns(bytes);
        for (const byte of kept) note(byte);
        done(null, kept);
      },
      flush: (done) => done(null, isReturn ? Uint8Array.of(carriageReturn) : undefined),
    }),
    beginOf: (at) =>
      [...cells, { begins: begins ?? Infinity, ends: Infinity }].find(
        (one) => one.begins < at && at <= one.ends,
      )?.begins,
    unclosed: () => begins,
    forget(before) {
      if (cells.length > 0) cells = cells.filter(({ ends }) => ends > before);
    },
  };
}
