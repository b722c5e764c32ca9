/**
 * Responses, and the headers that all of them carry; and the JSON that a page sends.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import type { ErrorCode, LifecycleError } from "../errors.ts";
import type { Refusal } from "./shapes.ts";
import { isObject } from "../checks.ts";
import { isJson } from "../cross-site.ts";

/** What the page may load, from where: its own script, styles, images and data, and nothing inline. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const always: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": policy,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** A response with these headers, and those that all carry. */
export function respond(
  status: number,
  body: ConstructorParameters<typeof Response>[0],
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, { status, headers: { ...always, ...headers } });
}

/** JSON. */
export function json(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const type = { "content-type": "application/json; charset=utf-8" };
  return respond(status, JSON.stringify(value), { ...type, ...headers });
}

/** Why a request is not answered. Neither its words nor its code come from the request. */
export interface Refused {
  readonly status: number;
  readonly code: string;
  /** What cannot be done, and the rule. */
  readonly message: string;
  /** What to do about it. */
  readonly next?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal: as JSON for a program, else as a page. */
export function refuse(
  { status, code, message, next, headers = {} }: Refused,
  as: "json" | "page",
): Response {
  if (as === "json") {
    const refusal: Refusal = { error: { code, message, ...(next !== undefined && { next }) } };
    return json(status, refusal, headers);
  }
  return plainPage(status, message, headers);
}

/** The refusal of a request because of this error. */
export function refusalOf({ code, message }: LifecycleError): Refused {
  return { status: statusOf[code] ?? 503, code, message };
}

const statusOf: Readonly<Partial<Record<ErrorCode, number>>> = {
  INVALID_OPTION: 400,
  INVALID_ID: 400,
  USER_UNKNOWN: 404,
  RENAMED: 404,
  USER_NOT_READY: 409,
  USER_FAILED: 409,
  USER_CONFLICT: 409,
  USER_OFFBOARDED: 409,
  PAUSED: 409,
};

const style =
  "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:20vh auto;padding:0 1rem;color-scheme:light dark}";
const styleHash = createHash("sha256").update(style).digest("base64");
const plainPolicy = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** A page of one paragraph, without script. `then`: the address that the browser opens next. */
export function plainPage(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
  then?: string,
): Response {
  const address = then?.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  const next = address === undefined ? "" : `<meta http-equiv="refresh" content="0;url=${address}">`;
  const page =
    `<!doctype html><html lang="en"><head><meta charset="utf-8">${next}` +
    `<meta name="viewport" content="width=device-width,initial-scale=1"><title>Inspector</title>` +
    `<style>${style}</style></head><body><main><h1>Inspector</h1><p>${text}</p></main></body></html>`;
  return respond(status, page, {
    "content-security-policy": plainPolicy,
    "content-type": "text/html; charset=utf-8",
    ...headers,
  });
}

/** No body is longer, in bytes. */
const longestBody = 16_384;

/** The JSON object in the request's body, or why it is not read. */
export async function readBody(
  request: Request,
): Promise<{ readonly fields: Readonly<Record<string, unknown>> } | Refused> {
  if (!isJson(request.headers.get("content-type") ?? undefined)) {
    return refused(415, "it must be JSON, sent with content-type: application/json");
  }
  const text = await textOf(request);
  if (text === null) return refused(413, `its body must be at most ${longestBody} bytes long`);
  try {
    const fields: unknown = JSON.parse(text);
    if (isObject(fields)) return { fields };
  } catch {
    // Refused below, without a word of it.
  }
  return refused(400, "its body must be a JSON object");
}

async function textOf({ body }: Request): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > longestBody) return null; // the rest is not read
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function refused(status: number, rule: string): Refused {
  return { status, code: "INVALID_REQUEST", message: `Cannot read the request: ${rule}` };
}
