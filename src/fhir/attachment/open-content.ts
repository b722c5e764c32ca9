/**
 * Sends the call for content, and follows redirects under the base of the version.
 *
 * @module
 */
import type { StreamedAnswer } from "../../http/streaming/stream.ts";
import type { FhirPlace } from "../calls.ts";
import type { Executor } from "../execute.ts";
import type { Operation } from "../operation.ts";
import { openFollowing, unreadableAttachment, type Following, type HostedCall } from "../stream-call.ts";
import { baseOf, contentUrl } from "./attachment-link.ts";
import { isJson } from "./content-of.ts";
import type { Part } from "./continued-body.ts";

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
export async function openContent(
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
