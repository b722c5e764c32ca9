/**
 * The body of an answer that goes on where it was cut: the rest is requested with a range. It must be a part of the same
 * content, which a strong ETag shows, or the same length together with a hash that is compared at the end. A weak ETag
 * shows nothing about bytes (RFC 9110, 8.8.1).
 * A reader gets the content once, and it is closed however the reading ends.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { LifecycleError, isLifecycleError } from "../../errors.ts";
import { type StreamedAnswer, isStrong } from "../../http/streaming/stream.ts";
import { cutInWords, TransportError } from "../../http/transport.ts";
import { unreadableAttachment } from "../stream-call.ts";
import { cut } from "./binary-json.ts";
import { lengthIn, type Content } from "./content-of.ts";
import { leavable, onAbort, type LinkedSignal } from "../../abort.ts";
import type { Clock } from "../../clock.ts";
import type { FhirAttachment } from "./attachment.ts";

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
  /** Whether the content shows by itself that it is whole, or is compared with a size or a hash at the end. */
  readonly showsItsEnd: () => boolean;
  /** The most attempts in a row that bring next to nothing. */
  readonly retries: number;
  readonly open: (part: Part) => Promise<StreamedAnswer>;
  /** Makes a call, and repeats it like a read; an error counts as the first attempt. */
  readonly again: (
    first: LifecycleError | undefined,
    once: () => Promise<StreamedAnswer>,
  ) => Promise<StreamedAnswer>;
}

/** After so many bytes the attempts are counted anew. */
const progressBytes = 1_048_576;

/** The bytes of the answer. @throws {LifecycleError} once it cannot be continued; the reason of the signal */
export async function* continued(
  first: StreamedAnswer,
  { isHashed, showsItsEnd, retries, open, again }: Continuing,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { headers } = first;
  const [length, etag] = [lengthIn(headers["content-length"]), headers["etag"]];
  const strong = isStrong(etag) ? etag : undefined;
  const hasProof = strong !== undefined || (length !== undefined && isHashed);
  const isContinuable = hasProof && headers["accept-ranges"] !== "none";
  let { body } = first;
  let [at, skipped, attempts, countedFrom] = [0, 0, 0, 0];
  /** Only the end of its connection shows where an answer ends. */
  let isOpen = first.endsWithConnection === true;
  const print = isOpen ? createHash("sha256") : undefined;
  for (;;) {
    let failure: LifecycleError;
    try {
      for await (const piece of body) {
        const rest = piece.subarray(skipped);
        skipped -= piece.length - rest.length;
        at += rest.length;
        print?.update(rest);
        if (rest.length > 0) yield rest;
      }
      if (length === undefined && skipped === 0) {
        if (!isOpen || showsItsEnd()) return;
        const next = await again(undefined, () => open({ from: at, etag: strong }));
        if (await isAllThereIs(next, at, print?.copy().digest("base64"))) return;
      }
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
    isOpen ||= next.endsWithConnection === true;
    skipped = next.status === 206 ? 0 : at;
  }
}

/** Whether an answer shows that no content is behind that byte: it has none, or the same once more and nothing else. */
async function isAllThereIs(
  { status, headers, body }: StreamedAnswer,
  at: number,
  print: string | undefined,
): Promise<boolean> {
  const total = /^bytes (?:\*|\d{1,15}-\d{1,15})\/(\d{1,15})$/.exec(headers["content-range"] ?? "")?.[1];
  if (status === 416) {
    for await (const _ of body) break; // ends the connection
    return total === undefined || Number(total) === at;
  }
  const most = status === 206 ? 0 : at;
  const digest = createHash("sha256");
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    if (length > most) return false;
    digest.update(piece);
  }
  if (status === 206) return Number(total) === at; // an empty one may have been cut before its first byte
  return length === at && digest.digest("base64") === print;
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

/** What is read. */
export interface Opened extends Pick<Content, "contentType" | "size" | "pieces"> {
  /** Ends the connection. */
  readonly linked: LinkedSignal;
}

/** How long a connection waits for its reader, ms. */
const longestWaitMs = 60_000;

/**
 * @param again reads other content of the same kind, after this error
 */
export function openedContent(
  opened: Opened,
  clock: Clock,
  again: <T>(first: LifecycleError, read: (opened: Opened) => Promise<T>) => Promise<T>,
): FhirAttachment {
  const { contentType, size, linked } = opened;
  const late = `its reading must begin within ${longestWaitMs} ms`;
  const forget = clock.timer(longestWaitMs, () =>
    linked.abort(unreadableAttachment(late, { retryable: true }, "UNAVAILABLE")),
  );
  onAbort(linked.signal, forget); // it waits for no reader any more
  let isBegun = false;

  function begin(): AsyncGenerator<Uint8Array, void, undefined> {
    if (isBegun)
      throw new LifecycleError("INVALID_OPTION", "Cannot read the attachment twice: request it again");
    isBegun = true;
    return leavable((left) => {
      onAbort(left, () => linked.abort(cancelled()));
      return reading(opened, forget); // a reader may never come for the first piece
    });
  }

  return {
    contentType,
    size,
    [Symbol.asyncIterator]: begin,
    stream() {
      const pieces = begin();
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const next = await pieces.next();
            if (next.done === true) controller.close();
            else controller.enqueue(next.value);
          },
          async cancel() {
            await pieces.return();
          },
        },
        { highWaterMark: 0 },
      );
    },
    async bytes() {
      try {
        return await wholeOf(begin());
      } catch (error) {
        if (!isLifecycleError(error) || !error.retryable) throw error;
        return again(error, (other) => wholeOf(reading(other)));
      }
    },
    cancel() {
      forget();
      linked.abort(cancelled());
    },
  };
}

/** The pieces; the connection ends with them. */
async function* reading(
  { pieces, linked }: Opened,
  onBegun?: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  onBegun?.();
  const { signal } = linked;
  try {
    signal.throwIfAborted();
    for await (const piece of pieces) {
      yield piece;
      signal.throwIfAborted();
    }
  } catch (error) {
    signal.throwIfAborted();
    throw isLifecycleError(error) ? error : lost(error);
  } finally {
    linked.abort(cancelled());
  }
}

async function wholeOf(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return new Uint8Array(Buffer.concat(all)); // with a memory of its own
}

/** The connection failed, or was ended. */
export function lost(cause: unknown): LifecycleError {
  return unreadableAttachment(cutInWords(cause), { retryable: true, cause }, "UNAVAILABLE");
}

function cancelled(): LifecycleError {
  return unreadableAttachment("it was cancelled", {}, "INVALID_OPTION");
}
