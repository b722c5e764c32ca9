/**
 * Reads the JSON that a page sends.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { isObject } from "../checks.ts";
import { isJson } from "../cross-site.ts";
import type { Refused } from "./responses.ts";

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
