/** Responses in parts (RFC 9110, 14). */

import { createHash } from "node:crypto";
import { bytesOf, header, type Incoming, type Outgoing } from "./message.ts";

/** The whole with a strong validator, or, if the server has ranges, the part that one asks for. */
export function inPart(incoming: Incoming, whole: Outgoing, hasRanges: boolean): Outgoing {
  const bytes = bytesOf(whole);
  const etag = `"${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}"`;
  const headers = { ...whole.headers, etag, "accept-ranges": hasRanges ? "bytes" : "none" };
  const from = /^bytes=(\d{1,15})-$/.exec(header(incoming, "range") ?? "")?.[1];
  const condition = header(incoming, "if-range") ?? etag;
  if (!hasRanges || from === undefined || condition !== etag) return { ...whole, headers };
  const part = bytes.subarray(Number(from));
  const range = part.length === 0 ? "*" : `${from}-${bytes.length - 1}`;
  const status = part.length === 0 ? 416 : 206;
  return {
    status,
    headers: { ...headers, "content-range": `bytes ${range}/${bytes.length}` },
    body: "",
    bytes: part,
  };
}
