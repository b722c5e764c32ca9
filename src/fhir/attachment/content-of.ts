/**
 * The bytes of content in an answer: the body itself, or the data of a Binary resource, as which servers may send it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { LifecycleError } from "../../errors.ts";
import { isObject, parseJson } from "../../http/json.ts";
import { boundsOf } from "../../http/send.ts";
import type { StreamedAnswer } from "../../http/streaming/stream.ts";
import { survey } from "../../http/survey.ts";
import { unreadableAttachment } from "../stream-call.ts";
import {
  asLatin1,
  bad,
  cut,
  dataIn,
  decoded,
  frame,
  latin1,
  longestFrame,
  notBase64,
  startOf,
} from "./binary-json.ts";

/** Content that has begun to arrive. */
export interface Content {
  readonly contentType: string | undefined;
  /** Its length, if the server named it. */
  readonly size: number | undefined;
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Whether all of the answer has come, by its `content-length`. */
  readonly isWhole: () => boolean;
  /** Whether it is the data of a Binary: the JSON around it shows whether it is whole. */
  readonly isInJson?: boolean;
  /** Whether it was put together of several answers, and only its hash shows whether they belong together. */
  readonly isJoined?: () => boolean;
}

/** What is known about the content before. */
export interface Announced {
  /** The media type in the Attachment, without parameters. */
  readonly mediaType: string | undefined;
  /** The id of the Binary that was requested, if it is one. */
  readonly binaryId: string | undefined;
  readonly maxBytes: number;
  /** The longest JSON that is parsed, in bytes. */
  readonly longestJson: number;
  /** The transport has decoded the body as text, so it can only be JSON. */
  readonly isText: boolean;
  /** The answer is about another Binary. */
  readonly onAnothers: () => void;
}

/** @throws {LifecycleError} `BAD_ANSWER`, `ANSWER_TOO_BIG` */
export async function contentOf(answer: StreamedAnswer, announced: Announced): Promise<Content> {
  const { headers } = answer;
  if ((headers["content-encoding"] ?? "identity") !== "identity")
    throw unreadableAttachment("it is compressed, though that was not asked for");
  const contentType = checkedType(headers["content-type"]);
  const media = mediaTypeOf(contentType) ?? "";
  const { mediaType = media, isText, maxBytes } = announced;
  if (/^application\/(?:fhir\+xml|xml\+fhir)$/.test(media) && mediaType !== media)
    throw unreadableAttachment("the server sent the Binary as XML");
  const length = isText ? undefined : lengthIn(headers["content-length"]);
  let received = 0;
  async function* counted(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of answer.body) {
      received += piece.length;
      // base64 takes less than twice the bytes, with line breaks too.
      if (received > 2 * (maxBytes + longestFrame)) throw tooBig(`${maxBytes} bytes; raise maxBytes`);
      yield piece;
    }
    if (length !== undefined && received !== length) throw cut();
  }
  const isWhole = (): boolean => length !== undefined && received === length;
  const raw = (pieces: AsyncIterable<Uint8Array>): Content => {
    const stray = strayForm(media, mediaType);
    if (stray !== null) throw unreadableAttachment(`${stray} came instead`, { retryable: true });
    if (isText) throw unreadableAttachment("it is no Binary in JSON, and this transport has no stream()");
    return { contentType, size: length, pieces, isWhole };
  };
  if (!isJson(media)) return raw(counted());
  const data = await binaryIn(counted(), media, announced);
  return "raw" in data ? raw(data.raw) : { ...data, size: undefined, isWhole, isInJson: true };
}

/**
 * The form of an answer, in words, if it is one in which gateways answer, also with 200, and not that of content of the
 * announced media type; `null`: it may be the content.
 *
 * @param media of the answer, which is no Binary resource; both types are without parameters
 */
export function strayForm(media: string, announced: string): string | null {
  if (isHtml(media) && !isHtml(announced)) return "a page of HTML";
  if (isJson(media) && !announced.includes("json")) return "JSON that is no Binary";
  if (media === "text/plain" && !isTextual(announced)) return "plain text";
  return null;
}

function isHtml(media: string): boolean {
  return media === "text/html" || media === "application/xhtml+xml";
}

/** Whether servers may call content of this type plain text. */
function isTextual(media: string): boolean {
  return /^text\/|\b(?:csv|hl7|json|ndjson|rtf|xml|yaml)/.test(media);
}

type Found =
  | { readonly raw: AsyncIterable<Uint8Array> }
  | { readonly contentType: string | undefined; readonly pieces: AsyncIterable<Uint8Array> };

/** The data of the Binary, or the JSON itself if it is none. */
async function binaryIn(
  body: AsyncGenerator<Uint8Array, void, undefined>,
  media: string,
  announced: Announced,
): Promise<Found> {
  let text = "";
  let isDone = false;
  let seen = 0;
  let start = startOf(text);
  while (!isDone && start.data === null && text.length <= longestFrame && mayBeObject(text)) {
    const next = await body.next();
    if (next.done === true) isDone = true;
    else text += latin1(next.value);
    if (!isDone && text.length < 2 * seen && text.length <= longestFrame) continue; // so that single bytes are not looked at again and again
    [start, seen] = [startOf(text), text.length];
  }
  const all = after(Buffer.from(text, "latin1"), body);
  const { resourceType, data } = start;
  if (resourceType === "OperationOutcome") {
    await body.return();
    throw unreadableAttachment("an OperationOutcome came instead");
  }
  const isBinary =
    resourceType === "Binary" || (resourceType === undefined && data !== null && isFhir(media));
  if (isBinary && data !== null) {
    const before = text.slice(0, data).replace(/^\u00EF\u00BB\u00BF/, ""); // a byte order mark
    const known = frame(`${before}"}`);
    const rest = asLatin1(after(Buffer.from(text.slice(data), "latin1"), body));
    const contentType = checkedType(known["contentType"]);
    return { contentType, pieces: dataIn(before, rest, (resource) => checkBinary(resource, announced)) };
  }
  if (isBinary) {
    await body.return();
    if (!isDone) throw bad("holds too much before its data");
    checkBinary(frame(text.replace(/^\u00EF\u00BB\u00BF/, "")), announced);
    throw bad("holds no data");
  }
  if (isDone && text !== "" && isFhir(media) && parseJson(text) === undefined) throw cut();
  if (resourceType !== undefined || data === null) return { raw: all };
  return wholeBinary(await joined(all, announced.longestJson), announced);
}

/** Of JSON that has data before its type, only the whole shows whether it is a Binary. */
function wholeBinary(json: Buffer, announced: Announced): Found {
  const text = json.toString("utf8").replace(/^\uFEFF/, "");
  const seen = survey(text, boundsOf(announced.longestJson));
  if (seen === "tooMany" || seen === "tooDeep") throw tooBig("the number of values that are read");
  const resource = parseJson(text);
  if (!isObject(resource) || resource["resourceType"] !== "Binary") return { raw: after(json) };
  checkBinary(resource, announced);
  const data = [resource["data"], resource["content"]].find((one) => typeof one === "string");
  const contentType = checkedType(resource["contentType"]);
  return { contentType, pieces: decoded(String(data ?? ""), notBase64) };
}

function checkBinary(resource: Readonly<Record<string, unknown>>, { binaryId, onAnothers }: Announced): void {
  if (resource["resourceType"] !== "Binary") throw bad("is another resource");
  if (binaryId === undefined || resource["id"] === binaryId) return;
  onAnothers();
  throw bad("has another id");
}

async function* after(
  first: Uint8Array,
  rest?: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (first.length > 0) yield first;
  if (rest !== undefined) yield* rest;
}

async function joined(pieces: AsyncIterable<Uint8Array>, most: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    length += piece.length;
    if (length > most) throw tooBig(`${most} bytes as JSON with its data first; raise maxAnswerBytes`);
    parts.push(piece);
  }
  return Buffer.concat(parts);
}

/** Whether a text begins an object, or nothing yet. */
function mayBeObject(text: string): boolean {
  return /^(?:(?:\u00EF\u00BB\u00BF)?\s*(?:\{|$)|\u00EF\u00BB?$)/.test(text);
}

export function lengthIn(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : undefined;
}

/** A media type that is fit for a header. */
export function checkedType(type: unknown): string | undefined {
  return typeof type === "string" && /^[\w.+-]{1,80}\/[\w.+-]{1,80}(?:;[\x20-\x7e]{0,100})?$/.test(type)
    ? type
    : undefined;
}

/** Without parameters, in lower case. */
export function mediaTypeOf(type: string | undefined): string | undefined {
  return type?.split(";", 1)[0]?.trim().toLowerCase();
}

export function isJson(media: string): boolean {
  return /^(?:application|text)\/(?:json|[\w.-]+\+json|json\+fhir)$/.test(media);
}

function isFhir(media: string): boolean {
  return /^application\/(?:fhir\+json|json\+fhir)$/.test(media);
}

function tooBig(what: string): LifecycleError {
  return unreadableAttachment(`the answer must not exceed ${what}`, {}, "ANSWER_TOO_BIG");
}
