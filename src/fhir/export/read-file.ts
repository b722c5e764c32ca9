/**
 * Reads a file line by line from a position, with a range if the server has them, by skipping lines if not. A file that
 * is not the one of before is an error: a position in it would be another place.
 * Positions are bytes of the file. A line is read as a resource.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type StreamedAnswer, isStrong } from "../../http/streaming/stream.ts";
import type { Executor } from "../execute.ts";
import { openFollowing, unreadableFile, type Following } from "../stream-call.ts";
import { printOfLine, type Position } from "./export-cursor.ts";
import { fileLink, type ExportLink } from "./export-link.ts";
import { exporting } from "./export-job.ts";
import type { LifecycleError } from "../../errors.ts";
import { boundsOf } from "../../http/send.ts";
import { namesAPassingError } from "../../http/fhir-issue.ts";
import { isObject, parseJson, type JsonObject } from "../../http/json.ts";
import { survey } from "../../http/survey.ts";
import { parseKnown } from "../lossless-json.ts";

/** A file that is open behind a position. */
export interface OpenFile {
  /** Its strong validator. */
  readonly etag: string | null;
  /** Its lines, from the position on. */
  readonly lines: AsyncGenerator<readonly Line[], void, undefined>;
  /** Whether the answer shows where the file ends: if not, a cut one looks whole. */
  readonly showsItsEnd: boolean;
}

/** What files are read with. */
export interface FileReading {
  readonly executor: Executor;
  /** The address of the analytics host. */
  readonly base: string;
  /** Whether it wants credentials for its files. */
  readonly needsAccess: boolean;
  /** The longest line, in bytes. */
  readonly longest: number;
  readonly signal: AbortSignal | undefined;
}

const task = { ...exporting("read a file of the export"), isStored: true };

/**
 * Opens a file behind a position.
 *
 * @throws {LifecycleError} as every FHIR call; `BAD_ANSWER` if the file has changed; the reason of the signal
 */
export async function openFile(
  reading: FileReading,
  link: ExportLink,
  position: Position,
): Promise<OpenFile> {
  const { status, headers, body, endsWithConnection = false } = await followed(reading, link, position);
  if ((headers["content-encoding"] ?? "identity") !== "identity")
    throw unreadableFile("it is compressed, though that was not asked for");
  const etag = isStrong(headers["etag"]) ? headers["etag"] : null;
  const hasChanged = position.etag !== null && etag !== null && position.etag !== etag;
  if (position.byte > 0 && (hasChanged || status === 416))
    throw unreadableFile("it has changed since it was begun");
  if (status === 416) throw unreadableFile("the server refuses to send it from its start");
  const isEmpty = status === 204;
  if (status === 200 || isEmpty) {
    const lines = behind(linesOf(body, 0, reading.longest), position.line, position);
    return { etag, lines, showsItsEnd: isEmpty || !endsWithConnection };
  }
  if (position.etag !== null && etag === null)
    throw unreadableFile("the server does not tell whether it has changed");
  const start = startOf(position);
  const [, from, end, total] =
    /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(headers["content-range"] ?? "")?.map(Number) ?? [];
  if (from !== start || end === undefined || total === undefined)
    throw unreadableFile("another part of it came than was asked for");
  const isRest = end + 1 === total;
  if (!isRest && position.last !== null && start < position.byte - 1 && end < position.byte) {
    // A server whose parts end before the file does: this one brought nothing that is new, and neither would the next.
    for await (const _ of body) break; // ends the connection
    return openFile(reading, link, { ...position, last: null });
  }
  const isTotal = !Number.isNaN(total);
  const all = asLongAs(body, (isTotal ? total : end + 1) - start);
  const lines = behind(linesOf(all, start, reading.longest), 1, position);
  return { etag, lines, showsItsEnd: isTotal }; // else it shows the end of the part alone
}

/** A part begins with the line before the position, or its end, which show that it lies behind that line. */
function startOf({ byte, last }: Position): number {
  return byte - (last?.length ?? 1);
}

/** The same bytes. A part may be cut, and it may be shorter than what was asked for: then the file goes on. */
async function* asLongAs(
  body: AsyncIterable<Uint8Array>,
  length: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = length;
  for await (const piece of body) {
    left -= piece.length;
    yield piece;
  }
  if (left > 0) throw cut();
}

/** The same lines without the first ones, which must end at this position with the same line. */
async function* behind(
  all: AsyncGenerator<readonly Line[], void, undefined>,
  skipped: number,
  { byte, last: known }: Position,
): AsyncGenerator<readonly Line[], void, undefined> {
  let left = skipped;
  for await (const lines of all) {
    const last = lines[left - 1];
    if (left > 0 && last !== undefined) {
      if (!last.isEnded && last.end < byte) throw cut();
      const isOther = known !== null && printOfLine(last.bytes, last.end) !== known.print();
      if (last.end !== byte || isOther)
        throw namesAPassingError(parseJson(last.bytes.toString()))
          ? unreadableFile("an OperationOutcome came instead", { retryable: true })
          : unreadableFile("it has changed since it was begun");
    }
    const rest = left === 0 ? lines : lines.slice(left);
    left = Math.max(0, left - lines.length);
    if (rest.length > 0) yield rest;
  }
  if (left > 0) throw cut();
}

/** Follows redirects: the credentials stay at the analytics host. */
async function followed(
  { executor, base, needsAccess, signal }: FileReading,
  link: ExportLink,
  position: Position,
): Promise<StreamedAnswer> {
  const { byte, etag } = position;
  const range =
    byte > 0 ? { range: `bytes=${startOf(position)}-`, ...(etag !== null && { "if-range": etag }) } : {};
  const isWanted = (status: number): boolean =>
    status === 200 || status === 204 || (status === 206 && byte > 0) || status === 416;
  const sentTo = ({ url, isOwn }: ExportLink): ReturnType<Following["follow"]> => ({
    url,
    // seam: a-file-elsewhere-gets-no-credentials
    isOwn: isOwn && needsAccess,
    isForeign: !isOwn,
  });
  const call = {
    name: "fhirExportFile",
    method: "GET",
    template: "/{file}",
    headers: { accept: "application/fhir+ndjson", ...range },
    isOwn: false,
    ...sentTo(link),
  } as const;
  const follow: Following["follow"] = (from, { headers }) =>
    sentTo(fileLink(base, from, headers["location"] ?? ""));
  return openFollowing(executor, task, call, { isWanted, signal, follow, unreadable: unreadableFile });
}

/** A line of a file. */
export interface Line {
  readonly bytes: Buffer;
  /** The byte after its end. */
  readonly end: number;
  /** Whether a line feed ends it: the last line of a file may have none, or be cut. */
  readonly isEnded: boolean;
}

const lineFeed = 10;

/**
 * The lines of each piece. A line is held in memory whole, and nothing longer.
 *
 * @throws {LifecycleError} `ANSWER_TOO_BIG`; `BAD_ANSWER` for a page in place of a file
 */
async function* linesOf(
  body: AsyncIterable<Uint8Array>,
  start: number,
  longest: number,
): AsyncGenerator<readonly Line[], void, undefined> {
  let [rest, restLength, at]: [Buffer[], number, number] = [[], 0, start];
  let isBlank = start === 0;
  for await (const piece of body) {
    const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    if (isBlank) {
      const [first] = /\S/.exec(chunk.toString()) ?? [];
      if (first === "<") throw page(); // before its lines are compared with those of the file
      isBlank = first === undefined;
    }
    const lines: Line[] = [];
    let from = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, from)) {
      const last = chunk.subarray(from, end);
      const bytes = restLength === 0 ? last : Buffer.concat([...rest, last]);
      if (bytes.length > longest) throw tooLong(longest);
      at += bytes.length + 1;
      lines.push({ bytes, end: at, isEnded: true });
      [rest, restLength, from] = [[], 0, end + 1];
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
    restLength += chunk.length - from;
    if (restLength > longest) throw tooLong(longest);
    if (lines.length > 0) yield lines;
  }
  if (restLength > 0) yield [{ bytes: Buffer.concat(rest), end: at + restLength, isEnded: false }];
}

/**
 * The resource of a line; `null` for an empty one.
 *
 * @throws {LifecycleError} `BAD_ANSWER`, retryable if the line was cut; `ANSWER_TOO_BIG`
 */
export function resourceIn(
  { bytes, isEnded }: Line,
  type: string,
  longest: number,
  lossless: boolean,
): JsonObject | null {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw isEnded ? bad("must be UTF-8, got other bytes") : cut();
  }
  if (text.trim() === "") return null;
  const seen = survey(text, boundsOf(longest));
  if (seen === "tooDeep" || seen === "tooMany")
    throw unreadableFile("a line holds too many values", {}, "ANSWER_TOO_BIG");
  let resource: unknown;
  try {
    resource = parseKnown(text, !lossless || seen === "exact");
  } catch {
    if (/^\s*<(?:!doctype|html)\b/i.test(text)) throw page();
    throw isEnded ? bad("must be JSON, got another text") : cut();
  }
  if (!isObject(resource) || resource["resourceType"] !== type)
    throw bad(`must be a ${type}, got something else`, namesAPassingError(resource));
  return resource;
}

/** A file that ends too early. Its rest may still come. */
export function cut(): LifecycleError {
  return unreadableFile("it was cut", { retryable: true });
}

function page(): LifecycleError {
  return unreadableFile("a page of HTML came instead", {
    // seam: a-page-in-place-of-a-file-may-pass
    retryable: true,
  });
}

function bad(rule: string, retryable = false): LifecycleError {
  return unreadableFile(`a line of it ${rule}`, { retryable });
}

function tooLong(longest: number): LifecycleError {
  return unreadableFile(
    `a line must not exceed ${longest} bytes; raise maxAnswerBytes`,
    {},
    "ANSWER_TOO_BIG",
  );
}
