/**
 * The body of an answer that goes on where it was cut: the rest is requested with a range. It must be a part of the same
 * content, which a strong ETag shows, or the same length together with a hash that is compared at the end. A weak ETag
 * shows nothing about bytes (RFC 9110, 8.8.1).
 *
 * @module
 */
import type { LifecycleError } from "../../errors.ts";
import { type StreamedAnswer, isStrong } from "../../http/streaming/stream.ts";
import { TransportError } from "../../http/transport.ts";
import { unreadableAttachment } from "../stream-call.ts";
import { cut } from "./binary-json.ts";
import { lengthIn } from "./content-of.ts";
import { lost } from "./opened-content.ts";

/** The part of content that is requested. */
export interface Part {
  /** Its first byte. */
  readonly from: number;
  /** The strong validator of the content. */
  readonly etag: string | undefined;
}

/** How the rest is requested. */
export interface Continuing {
  /** Whether a hash is compared at the end. */
  readonly isHashed: boolean;
  /** The most attempts in a row that bring next to nothing. */
  readonly retries: number;
  readonly open: (part: Part) => Promise<StreamedAnswer>;
  /** Makes a call, and repeats it like a read; the error counts as the first attempt. */
  readonly again: (first: LifecycleError, once: () => Promise<StreamedAnswer>) => Promise<StreamedAnswer>;
}

/** After so many bytes the attempts are counted anew. */
const progressBytes = 1_048_576;

/** The bytes of the answer. @throws {LifecycleError} once it cannot be continued; the reason of the signal */
export async function* continued(
  first: StreamedAnswer,
  { isHashed, retries, open, again }: Continuing,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { headers } = first;
  const [length, etag] = [lengthIn(headers["content-length"]), headers["etag"]];
  const strong = isStrong(etag) ? etag : undefined;
  const hasProof = strong !== undefined || (length !== undefined && isHashed);
  const isContinuable = hasProof && headers["accept-ranges"] !== "none";
  let { body } = first;
  let [at, skipped, attempts, countedFrom] = [0, 0, 0, 0];
  for (;;) {
    let failure: LifecycleError;
    try {
      for await (const piece of body) {
        const rest = piece.subarray(skipped);
        skipped -= piece.length - rest.length;
        at += rest.length;
        if (rest.length > 0) yield rest;
      }
      if (length === undefined && skipped === 0) return;
      failure = cut();
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      failure = lost(error);
    }
    if (length !== undefined && at >= length) return;
    if (at - countedFrom >= progressBytes) [attempts, countedFrom] = [0, at];
    if (!isContinuable || ++attempts > retries) throw failure;
    const next = await again(failure, () => open({ from: at, etag: strong }));
    const isSame = isPartOf(next, { length, etag, from: at });
    if (!isSame) for await (const _ of next.body) break; // ends the connection
    if (!isSame)
      throw unreadableAttachment("it was cut, and the server has other content now", { retryable: true }); // another request may bring it whole
    ({ body } = next);
    skipped = next.status === 206 ? 0 : at;
  }
}

/** Whether an answer holds the rest of the same content, or all of it. */
function isPartOf(
  { status, headers }: StreamedAnswer,
  { length, etag, from }: Part & { readonly length: number | undefined },
): boolean {
  if ((headers["content-encoding"] ?? "identity") !== "identity" || headers["etag"] !== etag) return false;
  if (status === 200) return length === undefined || lengthIn(headers["content-length"]) === length;
  const [, start, end, total] =
    /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(headers["content-range"] ?? "") ?? [];
  if (status !== 206 || Number(start) !== from) return false;
  // Without a length its hash, or its JSON, shows whether it is whole.
  if (total === "*") return length === undefined || Number(end) === length - 1;
  // A server may send less than was asked for, and then the content would end there.
  return Number(end) === Number(total) - 1 && Number(total) === (length ?? Number(total));
}
