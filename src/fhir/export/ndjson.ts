/**
 * Splits a file into lines, and reads a line as a resource. Positions are bytes of the file.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { LifecycleError } from "../../errors.ts";
import { boundsOf } from "../../http/send.ts";
import { isObject, type JsonObject } from "../../http/json.ts";
import { survey } from "../../http/survey.ts";
import { parseKnown } from "../lossless-json.ts";
import { unreadableFile } from "../stream-call.ts";

/** A line of a file. */
export interface Line {
  readonly bytes: Buffer;
  /** The byte after its end. */
  readonly end: number;
  /** Whether a line feed ends it: the last line of a file may have none, or be cut. */
  readonly isEnded: boolean;
}

const lineFeed = 10;

/** The lines of each piece. A line is held in memory whole, and nothing longer. @throws {LifecycleError} `ANSWER_TOO_BIG` */
export async function* linesOf(
  body: AsyncIterable<Uint8Array>,
  start: number,
  longest: number,
): AsyncGenerator<readonly Line[], void, undefined> {
  let [rest, restLength, at]: [Buffer[], number, number] = [[], 0, start];
  for await (const piece of body) {
    const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
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
    throw isEnded ? bad("must be JSON, got another text") : cut();
  }
  if (!isObject(resource) || resource["resourceType"] !== type)
    throw bad(`must be a ${type}, got something else`);
  return resource;
}

/** A file that ends too early. Its rest may still come. */
export function cut(): LifecycleError {
  return unreadableFile("it was cut", { retryable: true });
}

function bad(rule: string): LifecycleError {
  return unreadableFile(`a line of it ${rule}`);
}

function tooLong(longest: number): LifecycleError {
  return unreadableFile(
    `a line must not exceed ${longest} bytes; raise maxAnswerBytes`,
    {},
    "ANSWER_TOO_BIG",
  );
}
