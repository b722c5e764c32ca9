/**
 * Content as its reader gets it: once, and closed however the reading ends.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { onAbort, type LinkedSignal } from "../../abort.ts";
import type { Clock } from "../../clock.ts";
import { isLifecycleError, LifecycleError } from "../../errors.ts";
import { unreadableAttachment } from "../stream-call.ts";
import type { FhirAttachment } from "./attachment.ts";
import type { Content } from "./content-of.ts";

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
    forget();
    return reading(opened);
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
            linked.abort(cancelled()); // a generator that has not begun ends without a word
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
async function* reading({ pieces, linked }: Opened): AsyncGenerator<Uint8Array, void, undefined> {
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

/** The connection failed. */
export function lost(cause: unknown): LifecycleError {
  return unreadableAttachment("the connection failed", { retryable: true, cause }, "UNAVAILABLE");
}

function cancelled(): LifecycleError {
  return unreadableAttachment("it was cancelled", {}, "INVALID_OPTION");
}
