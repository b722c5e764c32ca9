/**
 * Opens a call whose answer is read piece by piece, because it may be longer than the memory. The sender's time limit
 * applies to the start of the answer and to each piece. A stream that is not read for a minute is cut, and fails when it is
 * read again.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { onAbort } from "../../abort.ts";
import type { Clock } from "../../clock.ts";
import type { Answer, Call, SendOptions, Unanswered } from "../call.ts";
import {
  aborted,
  networkError,
  restedTooLong,
  type Transport,
  TransportError,
  type TransportStream,
} from "../transport.ts";

/** The start of an answer. Reading `body` throws a `TransportError`, or the reason of the caller's signal. */
export interface StreamedAnswer extends TransportStream {
  readonly type: "stream";
  /** `clock.now()` when the headers were read. */
  readonly receivedAt: number;
}

export interface StreamOptions extends SendOptions {
  /** Statuses of answers that are read piece by piece. Any other is read at once: an error is short. */
  readonly isWanted: (status: number) => boolean;
}

/** What a stream is opened with. */
export interface Streaming {
  /** Whose connections it takes. */
  readonly transport: object;
  readonly open: NonNullable<Transport["stream"]>;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/** A caller that asks for no piece for so long may never come back, and holds a connection; ms. */
const longestRestMs = 60_000;

/** The start of an answer as an answer: what is known of it before it is read. */
export function startedOf({ status, headers, receivedAt }: StreamedAnswer): Answer {
  return { type: "answer", status, headers, text: "", sentAt: receivedAt, receivedAt };
}

/** How many answers are open, of each transport. */
const unread = new WeakMap<object, number>();

/** The code of a call that was not sent in time while others, which are open, held connections. */
const unreadCode = "ANSWERS_UNREAD";

function unreadWords(count: number): string {
  const those = count === 1 ? "1 answer is open and not read" : `${count} answers are open and not read`;
  return `it found no connection in time, as ${those} to the end; read or cancel them, or open fewer at once`;
}

/** The longest error that is read, in bytes. */
const longestError = 65_536;

/** @throws the signal's reason */
export async function openStream(
  { transport, open, clock, timeoutMs }: Streaming,
  { method, url, headers }: Call,
  { signal, notAfter = Infinity, isOver, publicOnly = false, isWanted }: StreamOptions,
): Promise<StreamedAnswer | Answer | Unanswered> {
  const own = new AbortController();
  let sentAt = clock.now();
  let sent = false;
  let hasRested = false;
  const unhear = signal === undefined ? undefined : onAbort(signal, () => own.abort());

  /** One step of the exchange, limited in time. */
  async function step<T>(task: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    let late = false;
    const cancel = clock.timer(timeoutMs, () => {
      late = true;
      own.abort();
    });
    let unrace = (): void => {};
    try {
      return await new Promise<T>((resolve, reject) => {
        const ended = (): void => reject(hasRested ? restedTooLong(longestRestMs) : aborted(sent));
        unrace = onAbort(own.signal, ended); // some bodies ignore the signal
        task().then(resolve, reject);
      });
    } catch (error) {
      signal?.throwIfAborted();
      const count = unread.get(transport) ?? 0;
      if (late && !sent && count > 0)
        throw new TransportError(unreadWords(count), { sent, code: unreadCode });
      const message = `Cannot wait longer for the answer: a part of it may take ${timeoutMs} ms`;
      if (late) throw new TransportError(message, { sent, code: "TIMEOUT", timeoutMs });
      throw error instanceof TransportError ? error : networkError(error, true);
    } finally {
      cancel();
      unrace();
    }
  }

  async function* pieces(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const all: AsyncIterator<Uint8Array, unknown> = body[Symbol.asyncIterator]();
    let rested = (): void => {};
    onAbort(own.signal, () => rested());
    try {
      for (;;) {
        const next = await step(() => all.next());
        if (next.done === true) return;
        rested = clock.timer(longestRestMs, () => {
          hasRested = true;
          own.abort();
        });
        yield next.value;
        rested();
      }
    } finally {
      rested();
      unhear?.();
      own.abort();
      all.return?.().catch(() => {}); // not awaited: a body that ignores the signal may never settle it
    }
  }

  const request = {
    method,
    url,
    headers,
    signal: own.signal,
    maxBytes: Infinity,
    onSending() {
      if (own.signal.aborted || clock.monotonic() > notAfter || isOver?.() === true) return false;
      sentAt = clock.now();
      sent = true;
      return true;
    },
    publicOnly,
  };
  try {
    const { status, headers, body, endsWithConnection } = await step(() => open(request));
    sent = true; // also by a transport that did not say so
    const [receivedAt, all] = [clock.now(), pieces(body)];
    if (isWanted(status)) {
      unread.set(transport, (unread.get(transport) ?? 0) + 1);
      onAbort(own.signal, () => unread.set(transport, (unread.get(transport) ?? 1) - 1)); // its end aborts it, too
      return { type: "stream", status, headers, body: all, endsWithConnection, receivedAt };
    }
    const cancel = clock.timer(timeoutMs, () => own.abort()); // what has come by then is enough
    const text = await startOf(all).finally(cancel);
    return { type: "answer", status, headers, text, sentAt, receivedAt };
  } catch (error) {
    unhear?.();
    signal?.throwIfAborted();
    return { type: error instanceof TransportError && !error.sent ? "notSent" : "lost", cause: error };
  }
}

/** The text of an error, as far as it comes: its status is enough. */
async function startOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const piece of body) {
      pieces.push(piece);
      length += piece.length;
      if (length > longestError) break;
    }
  } catch {}
  return Buffer.concat(pieces).toString("utf8", 0, longestError);
}

/** A validator of an answer that is read in parts and compares byte by byte (RFC 9110, 8.8.3). */
export function isStrong(etag: unknown): etag is string {
  return typeof etag === "string" && /^"[\x21\x23-\x7e]{1,200}"$/.test(etag);
}
