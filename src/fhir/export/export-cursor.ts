/**
 * A position in an export as a short text. It refers to a file by a fingerprint: links may be signed, and then need no
 * credentials. It holds no token.
 * The last line before it is known by a fingerprint, too: in a file that was made anew another line may end there.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { invalidOption, type LifecycleError } from "../../errors.ts";
import { isStrong } from "../../http/streaming/stream.ts";
import { cursorParts } from "../checks.ts";

/** A position in a file: the lines before it, the resources in them, and their length in bytes. */
export interface Position {
  readonly line: number;
  /** An empty line is none. */
  readonly found: number;
  readonly byte: number;
  /** The strong validator of the file, if it has one. */
  readonly etag: string | null;
  /** The last line before it; `null`: there is none, or the cursor does not tell. */
  readonly last: LastLine | null;
}

/** A line before a position. */
export interface LastLine {
  /** Its length in bytes, with its end. */
  readonly length: number;
  readonly print: () => string;
}

/** A position in an export. */
export interface ExportPlace {
  /** Where its state is asked for; `null`: the kick-off itself returned the files, or has yet to be sent. */
  readonly status: string | null;
  /** Which files there are and which is read; `null`: none yet. */
  readonly at: { readonly set: string; readonly file: string; readonly position: Position } | null;
}

export const beginning: Position = { line: 0, found: 0, byte: 0, etag: null, last: null };

/** A fingerprint: long enough to tell files apart. */
export function printOf(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url").slice(0, 16);
}

/** A fingerprint of a line that ends at that byte: too short to reveal what is in it, long enough to detect another one. */
export function printOfLine(bytes: Uint8Array, end: number): string {
  return createHash("sha256").update(`${end} `).update(bytes).digest("base64url").slice(0, 5);
}

/** @param print of what is exported */
export function exportCursor(print: string, { status, at }: ExportPlace): string {
  const { line, found, byte, etag, last } = at?.position ?? beginning;
  const before = last === null ? [] : [last.length, last.print(), found];
  const parts = [1, print, status, at && at.set, at && at.file, line, byte, etag, ...before];
  return Buffer.from(JSON.stringify(parts)).toString("base64url");
}

/** @throws {LifecycleError} `INVALID_OPTION` if it does not belong to this export */
export function exportPlaceAt(print: string, cursor: unknown): ExportPlace {
  const [format, owner, status, set, file, line, byte, etag, ...before] = cursorParts(cursor);
  const isPrint = (value: unknown): value is string => typeof value === "string" && /^[\w-]{16}$/.test(value);
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
  if (
    format !== 1 ||
    !(status === null || isPath(status)) ||
    !(set === null ? file === null : isPrint(set) && isPrint(file)) ||
    !isCount(line) ||
    !isCount(byte) ||
    !(etag === null || isStrong(etag)) ||
    !(before.length === 0 || isBefore(before, line, byte))
  )
    throw refused("a cursor must be one that an export gave, got another value");
  if (owner !== print) throw refused("this cursor belongs to another export; use the same options");
  const [length, ofLine, resources] = before;
  const last = before.length === 0 ? null : { length: Number(length), print: () => String(ofLine) };
  const found = before.length === 0 ? line : Number(resources);
  const position = { line, found, byte, etag, last };
  return { status, at: isPrint(set) && isPrint(file) ? { set, file, position } : null };
}

/** What a cursor tells of the lines before it. */
function isBefore([length, print, found, ...more]: readonly unknown[], line: number, byte: number): boolean {
  const isUpTo = (value: unknown, most: number): boolean =>
    Number.isSafeInteger(value) && Number(value) > 0 && Number(value) <= most;
  const isPrint = typeof print === "string" && /^[\w-]{5}$/.test(print);
  return isUpTo(length, byte) && isPrint && isUpTo(found, line) && more.length === 0;
}

/** A path and a query that stay at the host that they are put behind, also with two slashes, as a joined base may have. */
function isPath(value: unknown): value is string {
  return typeof value === "string" && /^\/[!-[\]-~]{0,16000}$/.test(value);
}

function refused(rule: string): LifecycleError {
  return invalidOption(`Cannot continue an export: ${rule}`);
}
