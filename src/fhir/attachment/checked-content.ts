/**
 * Limits content in length, and compares its length and hash with those that its Attachment names.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { LifecycleError } from "../../errors.ts";
import { unreadableAttachment } from "../stream-call.ts";
import type { Content } from "./content-of.ts";

/** What the content must be. */
export interface Expected {
  readonly size: number | undefined;
  /** SHA-1 as base64. */
  readonly hash: string | undefined;
  /** The most bytes that are read. */
  readonly maxBytes: number;
}

/**
 * The same pieces.
 *
 * @param content its pieces; whether the server has shown at the end that it sent all it has; whether only the hash shows
 * that its parts belong together
 * @throws {LifecycleError} `ANSWER_TOO_BIG`, `BAD_ANSWER`
 */
export async function* checkedContent(
  { pieces, isWhole, isJoined }: Pick<Content, "pieces" | "isWhole" | "isJoined">,
  { size, hash, maxBytes }: Expected,
): AsyncGenerator<Uint8Array, void, undefined> {
  const digest = hash === undefined ? null : createHash("sha1");
  let length = 0;
  for await (const piece of pieces) {
    length += piece.length;
    refuseTooLong(length, maxBytes);
    if (size !== undefined && length > size) throw unlike(`its size is more than ${size} bytes`, false);
    digest?.update(piece);
    yield piece;
  }
  if (size !== undefined && length < size)
    throw unlike(`its size is ${length} bytes and not ${size}`, !isWhole());
  // Content that was cut, or put together of two answers, has another hash too: the next one may be whole.
  if (digest !== null && digest.digest("base64") !== hash)
    throw unlike("its hash is another one", isJoined?.() === true || (size === undefined && !isWhole()));
}

/** @throws {LifecycleError} `ANSWER_TOO_BIG` if it is known before it is read */
export function refuseTooLong(size: number | undefined, maxBytes: number): void {
  if (size !== undefined && size > maxBytes)
    throw unreadableAttachment(`it must not exceed ${maxBytes} bytes; raise maxBytes`, {}, "ANSWER_TOO_BIG");
}

function unlike(how: string, retryable: boolean): LifecycleError {
  return unreadableAttachment(`it is not the content that was announced: ${how}`, { retryable });
}
