/** Requests and responses, independent of sockets: the server and `fetch` share them. */

import { Buffer } from "node:buffer";
import { isObject } from "../../checks.ts";

/** Maximum length of a request body, in bytes; a longer one is answered with 413. */
export const longestBody: number = 1_048_576;

/** A complete request. */
export interface Incoming {
  readonly method: string;
  /** Path without query, as sent. */
  readonly path: string;
  /** Query without the question mark, as sent. */
  readonly query: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** The origin that the caller addressed, for absolute links. */
  readonly origin: string;
}

/** A response to send. */
export interface Outgoing {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The body, if it is no text; `body` is empty then. */
  readonly bytes?: Uint8Array;
}

/** The body as bytes. */
export function bytesOf({ body, bytes }: Outgoing): Uint8Array {
  return bytes ?? Buffer.from(body);
}

/** The length that is announced of a body whose connection is cut, and what comes of it: half, but never all or nothing. */
export function cutOf(outgoing: Outgoing): { readonly length: number; readonly half: Uint8Array } {
  const whole = bytesOf(outgoing);
  const bytes = whole.length === 0 ? Buffer.from("  ") : whole;
  return { length: bytes.length, half: bytes.subarray(0, Math.ceil(bytes.length / 2)) };
}

/** One value of a header. */
export function header(incoming: Incoming, name: string): string | undefined {
  const value = incoming.headers[name];
  return typeof value === "object" ? value[0] : value;
}

/** A JSON response. */
export function json(status: number, value: unknown, headers?: Readonly<Record<string, string>>): Outgoing {
  const all = { "content-type": "application/json; charset=utf-8", ...headers };
  return { status, headers: all, body: JSON.stringify(value) };
}

/** The response to a body above {@link longestBody}. */
export function tooLarge(): Outgoing {
  return json(413, { message: "Request Too Long" });
}

/** Parameters of a call: one value per name. */
export type Parameters = ReadonlyMap<string, string>;

/**
 * Reads the parameters from the query and from a form or JSON body (which takes precedence); a GET may have a body too.
 * `undefined` if the body is declared as JSON but is not JSON.
 */
export function readParameters(incoming: Incoming): Parameters | undefined {
  const found = new Map<string, string>();
  if (incoming.query !== "") readForm(incoming.query, found);
  if (incoming.body === "") return found;
  const type = header(incoming, "content-type") ?? "";
  if (!type.includes("json")) return readForm(incoming.body, found);
  const value = parseObject(incoming.body);
  if (value === undefined) return undefined;
  for (const [name, one] of Object.entries(value)) {
    if (typeof one === "string" || typeof one === "number") found.set(name, String(one));
  }
  return found;
}

/** Reads a form into `found`; the first value of a repeated name counts. */
export function readForm(text: string, found: Map<string, string> = new Map()): Map<string, string> {
  const form = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) if (!form.has(name)) form.set(name, value);
  for (const [name, value] of form) found.set(name, value);
  return found;
}

/** Parses a JSON object; `undefined` if the text is not one. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A value as JSON; `undefined` if it is circular, or holds what JSON cannot hold. */
export function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
