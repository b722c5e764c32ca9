/**
 * Reads a file line by line from a position, with a range if the server has them, by skipping lines if not. A file that
 * is not the one of before is an error: a position in it would be another place.
 *
 * @module
 */
import { LifecycleError } from "../../errors.ts";
import type { StreamedAnswer } from "../../http/streaming/stream.ts";
import { isStrong } from "../../http/streaming/strong-etag.ts";
import type { Executor } from "../execute.ts";
import { openHosted } from "../stream-call.ts";
import type { Position } from "./export-cursor.ts";
import { fileLink, type ExportLink } from "./export-link.ts";
import { exporting } from "./export-job.ts";
import { linesOf, type Line } from "./ndjson.ts";

/** A file that is open behind a position. */
export interface OpenFile {
  /** Its strong validator. */
  readonly etag: string | null;
  /** Its lines, from the position on. */
  readonly lines: AsyncGenerator<readonly Line[], void, undefined>;
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

const task = exporting("read a file of the export");
/** The most redirects in a row that are followed. */
const mostRedirects = 5;

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
  const { status, headers, body } = await followed(reading, link, position);
  if ((headers["content-encoding"] ?? "identity") !== "identity")
    throw unusable("it is compressed, though that was not asked for");
  const etag = isStrong(headers["etag"]) ? headers["etag"] : null;
  const hasChanged = position.etag !== null && etag !== null && position.etag !== etag;
  if (position.byte > 0 && (hasChanged || status === 416))
    throw unusable("it has changed since it was begun");
  if (status === 416) throw unusable("the server refuses to send it from its start");
  if (status === 200)
    return { etag, lines: behind(linesOf(body, 0, reading.longest), position.line, position.byte) };
  if (position.etag !== null && etag === null)
    throw unusable("the server does not tell whether it has changed");
  // A part begins with the line feed before the position, which shows that it lies between two lines.
  const start = position.byte - 1;
  if (Number(/^bytes (\d{1,15})-/.exec(headers["content-range"] ?? "")?.[1]) !== start)
    throw unusable("another part of it came than was asked for");
  return { etag, lines: behind(linesOf(body, start, reading.longest), 1, position.byte) };
}

/** The same lines without the first ones, which must end at this byte. */
async function* behind(
  all: AsyncGenerator<readonly Line[], void, undefined>,
  skipped: number,
  byte: number,
): AsyncGenerator<readonly Line[], void, undefined> {
  let left = skipped;
  for await (const lines of all) {
    const last = lines[left - 1];
    if (left > 0 && last !== undefined && last.end !== byte)
      throw unusable("it has changed since it was begun");
    const rest = left === 0 ? lines : lines.slice(left);
    left = Math.max(0, left - lines.length);
    if (rest.length > 0) yield rest;
  }
  if (left > 0) throw cutShort();
}

/** Follows redirects: the credentials stay at the analytics host. */
async function followed(
  { executor, base, needsAccess, signal }: FileReading,
  link: ExportLink,
  { byte, etag }: Position,
): Promise<StreamedAnswer> {
  const range = byte > 0 ? { range: `bytes=${byte - 1}-`, ...(etag !== null && { "if-range": etag }) } : {};
  const isWanted = (status: number): boolean =>
    status === 200 || (status === 206 && byte > 0) || status === 416 || isRedirect(status);
  let { url, isOwn } = link;
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const call = {
      name: "fhirExportFile",
      method: "GET",
      url,
      template: "/{file}",
      headers: { accept: "application/fhir+ndjson", ...range },
      isOwn: isOwn && needsAccess,
      isForeign: !isOwn,
    } as const;
    const answer = await openHosted(executor, task, call, { isWanted, signal });
    if (!isRedirect(answer.status)) return answer;
    for await (const _ of answer.body) break; // ends the connection
    ({ url, isOwn } = fileLink(base, url, answer.headers["location"] ?? ""));
  }
  throw unusable(`more than ${mostRedirects} redirects lead to it`);
}

function isRedirect(status: number): boolean {
  return status >= 301 && status <= 308 && status !== 304;
}

function cutShort(): LifecycleError {
  return new LifecycleError("BAD_ANSWER", "Cannot read the file of an export: it was cut", {
    retryable: true,
  });
}

function unusable(why: string): LifecycleError {
  return new LifecycleError("BAD_ANSWER", `Cannot read the file of an export: ${why}`);
}
