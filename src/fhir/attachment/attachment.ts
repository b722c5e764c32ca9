/**
 * The public types of `attachment()`. `attachment-verb.ts` implements it.
 *
 * @module
 */
/** An element of FHIR's type Attachment, of any version: that of a DocumentReference's `content`, a `photo`, … */
export interface AttachmentElement {
  readonly contentType?: string | undefined;
  /** Where the content is: under the base of the client's version. */
  readonly url?: string | undefined;
  /** The content itself, as base64. It is used if there is a `url` too, unless it is empty. */
  readonly data?: string | undefined;
  /** The length of the content, in bytes. */
  readonly size?: number | undefined;
  /** The SHA-1 of the content, as base64. */
  readonly hash?: string | undefined;
}

/** Options of {@link FhirClient.attachment}. */
export interface AttachmentOptions {
  /** Ends the wait, and the connection at any time; reading then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How often the call is repeated, as for a read. @default that of the client: 3 */
  readonly retries?: number | undefined;
  /** The time for all repetitions, ms, as for a read. @default 30_000 */
  readonly waitMs?: number | undefined;
  /** The longest content that is read, in bytes, or `Infinity`. @default 268_435_456 (256 MiB) */
  readonly maxBytes?: number | undefined;
  /** Compare the content with the `size` and the `hash` of the Attachment, if it has them. @default true */
  readonly verify?: boolean | undefined;
}

/**
 * Content that is being read, once: in a loop, as a stream, or whole. Size and hash are checked at the end, so what came
 * before is certain only when the reading ends without an error. Leaving the loop ends the connection.
 *
 * @throws {LifecycleError} while it is read: `UNAVAILABLE` or `BAD_ANSWER` if it is cut, or has another size or hash;
 * `retryable` if another call may succeed; `ANSWER_TOO_BIG`; the reason of the signal
 */
export interface FhirAttachment extends AsyncIterable<Uint8Array> {
  /** The media type that the server named, or else that of the Attachment. */
  readonly contentType: string | undefined;
  /** The length in bytes, if the Attachment or the server named it. */
  readonly size: number | undefined;
  /**
   * The content as a stream.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const file = await lifecycle.fhir("ada", "r4").attachment({ data: "aGVsbG8=", contentType: "text/plain" });
   * console.log(await new Response(file.stream()).text()); // hello
   * ```
   */
  stream(): ReadableStream<Uint8Array>;
  /**
   * The whole content. If it is cut, it is requested again.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const file = await lifecycle.fhir("ada", "r4").attachment({ data: "aGVsbG8=", contentType: "text/plain" });
   * console.log((await file.bytes()).length); // 5
   * ```
   */
  bytes(): Promise<Uint8Array>;
  /**
   * Ends the connection without reading. Not needed after a loop, a stream that was cancelled, or `bytes()`.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const file = await lifecycle.fhir("ada", "r4").attachment({ data: "aGVsbG8=", contentType: "text/plain" });
   * if (file.contentType !== "image/png") file.cancel();
   * ```
   */
  cancel(): void;
}
