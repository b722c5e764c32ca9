/**
 * Decodes the body of an answer. JSON and undeclared content are UTF-8. A declared charset is used if it is known; the
 * charset is never guessed.
 *
 * @module
 */
import { unknownCharset } from "./transport.ts";

/** How to decode a body: as UTF-8, with this decoder, or, for an unknown charset, only if it is ASCII. */
type Reading = "utf-8" | "unknown" | TextDecoder;

/** Cache by content type. A server uses a handful; the bound keeps a hostile one from filling the memory. */
const seen = new Map<string, Reading>();
const mostSeen = 64;

/** How to decode a body with this content type. */
export function readingOf(contentType: string | undefined): Reading {
  if (contentType === undefined) return "utf-8";
  const known = seen.get(contentType);
  if (known !== undefined) return known;
  const reading = newReading(contentType);
  if (seen.size >= mostSeen) seen.clear();
  seen.set(contentType, reading);
  return reading;
}

/** Anchored at a semicolon, because an earlier parameter may contain the word. */
const declared = /;\s*charset\s*=\s*(?:"([^"]*)"|([^\s;,"]*))/i;

function newReading(contentType: string): Reading {
  const match = declared.exec(contentType);
  const label = (match?.[1] ?? match?.[2] ?? "").trim();
  // ASCII is a subset of UTF-8, and many servers that declare it send more than that.
  if (label === "" || /^(utf-?8|us-ascii|ascii)$/i.test(label)) return "utf-8";
  try {
    return new TextDecoder(label);
  } catch {
    return "unknown";
  }
}

/** What no characters belong to in a decoded body. */
const replacement = "\uFFFD";

/** Whether a text holds all of its body: bytes that are no characters in its charset were replaced. */
export function isDecoded(text: string, contentType: string | undefined, body: Uint8Array): boolean {
  if (!text.includes(replacement)) return true; // a text of ASCII is not even searched
  const reading = readingOf(contentType);
  try {
    new TextDecoder(reading instanceof TextDecoder ? reading.encoding : "utf-8", { fatal: true }).decode(
      body,
    );
    return true; // the body has that character itself
  } catch {
    return false;
  }
}

/** Decodes the body. @throws {TransportError} `ANSWER_CHARSET` for non-ASCII characters in an unknown charset */
export function textOf(contentType: string | undefined, body: Uint8Array, asUtf8: () => string): string {
  const reading = readingOf(contentType);
  if (reading === "utf-8") return asUtf8();
  // In two steps, because Node 20 takes windows-1252 for Latin-1 in one.
  if (reading instanceof TextDecoder) return reading.decode(body, { stream: true }) + reading.decode();
  if (body.every((byte) => byte < 0x80)) return asUtf8();
  throw unknownCharset();
}
