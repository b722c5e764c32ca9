/**
 * The method `attachment()`: checks what is requested, opens it, and repeats that like a read. The token is sent to an
 * address that a resource or a redirect chose, so it must stay under the base of the version.
 * Content is limited in length, and its length and hash are compared with those that its Attachment names.
 *
 * @module
 */
import { baseOf, contentUrl } from "./attachment-link.ts";
import { createHash } from "node:crypto";
import { linkSignals, type LinkedSignal } from "../../abort.ts";
import { aSwitch, check, isObject, kindOf, orInfinity, whole, type Rules } from "../../checks.ts";
import { isLifecycleError, type LifecycleError } from "../../errors.ts";
import { describeCall } from "../../http/call.ts";
import { checkResourceId, refuse } from "../checks.ts";
import { inTimeOf, refuseUndeclared, type VerbParts, type Executor } from "../execute.ts";
import type { Operation } from "../operation.ts";
import { ofCall, readRules, repeated, repetitionOf } from "../repeat.ts";
import type { AttachmentElement, AttachmentOptions, FhirAttachment } from "./attachment.ts";
import { decoded } from "./binary-json.ts";
import { checkedType, contentOf, mediaTypeOf, type Content, isJson } from "./content-of.ts";
import { continued, type Part, lost, openedContent, type Opened } from "./continued-body.ts";
import type { StreamedAnswer } from "../../http/streaming/stream.ts";
import type { FhirPlace } from "../calls.ts";
import { openFollowing, unreadableAttachment, type Following, type HostedCall } from "../stream-call.ts";

const words = "read the attachment";
const rules: Rules<AttachmentOptions> = { ...readRules, maxBytes: orInfinity(whole(0)), verify: aSwitch };

/** See `FhirClient`. */
export type Attachment = (
  source: string | AttachmentElement,
  options?: AttachmentOptions,
) => Promise<FhirAttachment>;

/** @param longestJson the longest JSON that is parsed, in bytes */
export function attachmentVerb({ place, performer }: VerbParts, longestJson: number): Attachment {
  const { clock, report } = performer;

  /** Opens content, whose length and hash are checked while it is read. */
  async function open(
    source: AttachmentElement,
    expected: Expected,
    signal: AbortSignal | undefined,
    fetched: (linked: LinkedSignal) => Promise<Content>,
  ): Promise<Opened> {
    const linked = linkSignals(signal, performer.ending);
    try {
      linked.signal.throwIfAborted();
      const content = await fetched(linked);
      const { contentType, size } = content;
      refuseTooLong(size, expected.maxBytes);
      // Servers that know no type name this one.
      const isNamed = contentType !== undefined && mediaTypeOf(contentType) !== "application/octet-stream";
      return {
        contentType: isNamed ? contentType : (source.contentType ?? contentType),
        size: size ?? expected.size,
        pieces: checkedContent(content, expected),
        linked,
      };
    } catch (error) {
      const failure = isLifecycleError(error) || linked.signal.aborted ? error : lost(error);
      linked.abort(failure);
      throw failure;
    }
  }

  return async (given, options) => {
    const source = sourceOf(given);
    const { signal, maxBytes = 268_435_456, verify = true, ...how } = check(words, options, rules);
    const expected = { ...(verify ? checkedValues(source) : nothing), maxBytes };
    refuseTooLong(expected.size, maxBytes);
    const { data } = source;
    const repetition = repetitionOf(how, performer.retries, ofCall);
    const once =
      data === undefined
        ? fetching(source, expected)
        : () => open(source, expected, signal, async () => inline(data));
    const opened = await repeated(performer, repetition, signal, once);
    return openedContent(opened, clock, (first, read) =>
      repeated(performer, { ...repetition, first }, signal, async () => read(await once())),
    );

    function fetching(source: AttachmentElement, expected: Expected): () => Promise<Opened> {
      const { href: url, pathname } = urlOf(source);
      const binaryId = /\/Binary\/([^/]+)(?:\/_history\/[^/]+)?$/.exec(pathname)?.[1];
      const task: Operation = {
        interaction: pathname.includes("/_history/") ? "vread" : "read",
        words,
        expects: "anything",
        resourceType: binaryId === undefined ? undefined : "Binary",
      };
      const template = `/${place.version}/${binaryId === undefined ? "{attachment}" : "Binary/{id}"}`;
      const mediaType = mediaTypeOf(source.contentType);
      const executor = inTimeOf({ ...performer, report: undefined }, repetition); // what follows reports all of it
      const request = { executor, place, task, url, template, mediaType };
      const isText = performer.sender.stream === undefined;
      const onAnothers = (): void => performer.sender.doubtConnections();
      const { maxBytes } = expected;
      const announced = { mediaType, binaryId, maxBytes, longestJson, isText, onAnothers };
      const call = describeCall({
        name: "fhirAttachment",
        endpoint: "fhir",
        method: "GET",
        url,
        template,
        headers: {},
      });
      return async () => {
        if (performer.strict && binaryId !== undefined) refuseUndeclared(place.version, task);
        const run = (seen?: (status: number, at: number) => void): Promise<Opened> =>
          open(source, expected, signal, async (linked) => {
            const answer = await openContent(request, linked.signal);
            seen?.(answer.status, answer.receivedAt);
            let [isJoined, isInJson] = [false, false];
            const isHashed = expected.hash !== undefined;
            const body = continued(answer, {
              isHashed,
              showsItsEnd: () => isHashed || expected.size !== undefined || isInJson,
              retries: repetition.retries,
              open: (part) => {
                isJoined ||= part.etag === undefined;
                return openContent({ ...request, executor: performer }, linked.signal, part);
              },
              again: (first, once) => repeated(performer, { ...repetition, first }, linked.signal, once),
            });
            const content = await contentOf({ ...answer, body }, announced);
            isInJson = content.isInJson === true;
            return { ...content, isJoined: () => isJoined };
          });
        if (report === undefined) return run();
        return report(call, (seen) =>
          run((status, at) =>
            seen({ type: "answer", status, headers: {}, text: "", sentAt: at, receivedAt: at }),
          ),
        );
      };
    }
  };

  /** Where the content is. @throws {LifecycleError} `INVALID_RESOURCE` */
  function urlOf({ url = "" }: AttachmentElement): URL {
    const target = contentUrl(place, url);
    if (typeof target !== "string") return target;
    throw refuse(words, `its url must stay under ${baseOf(place).href}`, `${target}; nothing was sent there`);
  }
}

/** What is requested: a Binary has a relative address. @throws {LifecycleError} `INVALID_RESOURCE` */
function sourceOf(given: unknown): AttachmentElement {
  if (typeof given === "string")
    return { url: `Binary/${checkResourceId(words, given, "the id of a Binary")}` };
  if (!isObject(given)) throw refuse(words, "it must be the id of a Binary or an Attachment", kindOf(given));
  const { url, data, size, hash, contentType } = given;
  if (typeof data !== "string" && typeof url !== "string")
    throw refuse(words, "an Attachment must have a url or data", "neither");
  // Some servers put an empty text beside the url of content that is elsewhere.
  const isInline = typeof data === "string" && (data !== "" || typeof url !== "string");
  return {
    ...(isInline ? { data } : { url: String(url) }),
    contentType: checkedType(contentType),
    size: size as number | undefined, // checked below, if they are used
    hash: hash as string | undefined,
  };
}

const nothing = { size: undefined, hash: undefined };

/** @throws {LifecycleError} `INVALID_RESOURCE` */
function checkedValues({ size, hash }: AttachmentElement): Pick<Expected, "size" | "hash"> {
  const advice = "; verify: false reads it all the same";
  if (size !== undefined && !whole(0).holds(size))
    throw refuse(words, "its size must be a whole number from 0", `${kindOf(size)}${advice}`);
  if (hash !== undefined && !isHash(hash))
    throw refuse(words, "its hash must be a SHA-1 as base64, of 28 characters", `another value${advice}`);
  return { size, hash };
}

/** Whether it can be a SHA-1 as base64. */
export function isHash(hash: unknown): hash is string {
  return typeof hash === "string" && /^[A-Za-z0-9+/]{27}=$/.test(hash);
}

/** The content that stands in the Attachment. */
function inline(data: string): Content {
  const fail = () => refuse(words, "its data must be base64", "another text");
  return { contentType: undefined, size: undefined, pieces: decoded(data, fail), isWhole: () => true };
}

/** What is requested. */
export interface ContentRequest {
  readonly executor: Executor;
  readonly place: FhirPlace;
  readonly task: Operation;
  readonly url: string;
  /** The same without ids. */
  readonly template: string;
  /** The media type in the Attachment. */
  readonly mediaType: string | undefined;
}

/** @throws {LifecycleError} as every FHIR call; `BAD_ANSWER` for a redirect elsewhere; the signal's reason */
async function openContent(
  { executor, place, task, url, template, mediaType }: ContentRequest,
  signal: AbortSignal,
  part?: Part,
): Promise<StreamedAnswer> {
  const range =
    part === undefined
      ? {}
      : { range: `bytes=${part.from}-`, ...(part.etag !== undefined && { "if-range": part.etag }) };
  const statuses = part === undefined ? [200] : [200, 206, 416];
  const call: HostedCall = {
    name: "fhirAttachment",
    method: "GET",
    url,
    template,
    headers: { accept: acceptOf(executor, mediaType), "accept-encoding": "identity", ...range },
    isOwn: true,
  };
  const follow: Following["follow"] = (from, { status, headers: { location } }) => {
    if (location === undefined) throw unreadableAttachment(`a redirect (${status}) must name its target`);
    const target = contentUrl(place, location, from);
    if (typeof target !== "string") return { url: target.href };
    const rule = `a redirect must stay under ${baseOf(place).href}`;
    throw unreadableAttachment(`${rule}, got ${target}; nothing was sent there`);
  };
  const isWanted = (status: number): boolean => statuses.includes(status);
  return openFollowing(executor, task, call, { isWanted, signal, follow, unreadable: unreadableAttachment });
}

/** Any type but those of FHIR asks for the bytes, and not for the resource around them (FHIR R4, 2.9.3). */
function acceptOf({ sender }: Executor, mediaType: string | undefined): string {
  if (sender.stream === undefined) return "application/fhir+json"; // bytes would be decoded as text
  const isPlain = mediaType !== undefined && !isJson(mediaType) && !mediaType.includes("xml");
  return `${isPlain ? mediaType : "application/octet-stream"}, */*;q=0.8`;
}

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
async function* checkedContent(
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
function refuseTooLong(size: number | undefined, maxBytes: number): void {
  if (size !== undefined && size > maxBytes)
    throw unreadableAttachment(`it must not exceed ${maxBytes} bytes; raise maxBytes`, {}, "ANSWER_TOO_BIG");
}

function unlike(how: string, retryable: boolean): LifecycleError {
  return unreadableAttachment(`it is not the content that was announced: ${how}`, { retryable });
}
