/**
 * Finds the data of a Binary in JSON that comes piece by piece, so that only a piece of it is in memory. FHIR R4 calls it
 * `data`, the versions before `content`. Its base64 is decoded piece by piece, too.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { LifecycleError } from "../../errors.ts";
import { isObject, parseJson, type JsonObject } from "../../http/json.ts";
import { unreadableAttachment } from "../stream-call.ts";

/** How the JSON begins. */
export interface Start {
  /** The value of `resourceType`, if it came before the data. */
  readonly resourceType: string | undefined;
  /** Where the text of the data begins, after its quotation mark; `null`: not in this part. */
  readonly data: number | null;
}

/** Looks for the data among the members of the outermost object. */
export function startOf(text: string): Start {
  let [depth, key, isKey] = [0, "", false];
  let resourceType: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "{" || char === "[") {
      depth++;
      isKey = depth === 1;
    } else if (char === "}" || char === "]") depth--;
    else if (char === ",") isKey = depth === 1;
    else if (char === '"') {
      if (depth === 1 && !isKey && (key === "data" || key === "content"))
        return { resourceType, data: at + 1 };
      const end = endOfText(text, at + 1);
      if (end < 0) return { resourceType, data: null };
      const value = text.slice(at + 1, end);
      if (depth === 1 && isKey) [key, isKey] = [value, false];
      else if (depth === 1 && key === "resourceType") resourceType = value;
      at = end;
    }
  }
  return { resourceType, data: null };
}

function endOfText(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at;
  }
  return -1;
}

/** The longest part of a resource before its data, and after it. */
export const longestFrame = 65_536;

/**
 * The bytes of the data.
 *
 * @param before the JSON up to the data, with its quotation mark
 * @param rest what follows, one character a byte
 * @param check what the resource must be, without its data
 * @throws {LifecycleError} `BAD_ANSWER`, retryable if it was cut
 */
export async function* dataIn(
  before: string,
  rest: AsyncIterable<string>,
  check: (resource: JsonObject) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = base64Decoder(notBase64);
  /** The part of an escaped character that came. */
  let begun = "";
  /** What follows the data; `null`: it has not ended. */
  let after: string | null = null;
  for await (const piece of rest) {
    if (after !== null) after += piece;
    else {
      const end = piece.indexOf('"');
      const text = begun + (end < 0 ? piece : piece.slice(0, end));
      begun = end < 0 ? (/\\(?:u[0-9a-fA-F]{0,3})?$/.exec(text)?.[0] ?? "") : "";
      const bytes = decoder.push(unescaped(text.slice(0, text.length - begun.length)));
      if (bytes.length > 0) yield bytes;
      if (end >= 0) after = piece.slice(end);
    }
    if (after !== null && after.length > longestFrame) throw bad("holds too much after its data");
  }
  if (after === null) throw cut();
  decoder.end();
  check(frame(before + after));
}

/** The resource without its data. @throws {LifecycleError} `BAD_ANSWER` */
export function frame(text: string): JsonObject {
  const resource = parseJson(text);
  if (resource === undefined) throw cut();
  if (!isObject(resource)) throw bad("is no object");
  if (["data", "content"].some((name) => (resource[name] ?? "") !== "")) throw bad("holds its data twice");
  return resource;
}

/** Characters that are decoded at a time. */
const pieceLength = 65_536;

/** The bytes of base64 in memory. @throws {LifecycleError} of `fail` if it is no base64 */
export async function* decoded(
  text: string,
  fail: () => LifecycleError,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = base64Decoder(fail);
  for (let at = 0; at < text.length; at += pieceLength) {
    const bytes = decoder.push(text.slice(at, at + pieceLength));
    if (bytes.length > 0) yield bytes;
  }
  decoder.end();
}

function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    throw notBase64();
  }
}

/** One character a byte. */
export async function* asLatin1(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  for await (const piece of bytes) yield latin1(piece);
}

/** Each byte as one character. */
export function latin1({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}

export function bad(how: string): LifecycleError {
  return unreadableAttachment(`the Binary in the answer ${how}`);
}

export function notBase64(): LifecycleError {
  return bad("holds data that is no base64");
}

/** An answer that ends too early. The next one may be whole. */
export function cut(): LifecycleError {
  return unreadableAttachment("the answer was cut", { retryable: true });
}

/** Decodes base64 that comes in pieces of any length. Both methods throw what `fail` makes if it is not base64. */
function base64Decoder(fail: () => LifecycleError) {
  let rest = "";
  let isPadded = false;
  return {
    /** The bytes that are complete. */
    push(text: string): Uint8Array {
      const all = rest + text.replaceAll(/[ \t\r\n]+/g, ""); // FHIR allows white space
      const whole = all.length - (all.length % 4);
      const part = all.slice(0, whole);
      rest = all.slice(whole);
      if ((isPadded && all !== "") || !/^[A-Za-z0-9+/]*={0,2}$/.test(part)) throw fail();
      isPadded = part.endsWith("=");
      return Buffer.from(part, "base64");
    },
    /** No more text follows. */
    end(): void {
      if (rest !== "") throw fail();
    },
  };
}
