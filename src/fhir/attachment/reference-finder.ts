/**
 * Finds references to resources of some types in the text of others: `Binary/1`, its address under the base of the
 * version, or a version of it, in `reference`, in the `url` of an Attachment, in a narrative, or wherever else they stand.
 *
 * @module
 */
import type { AttachmentElement } from "./attachment.ts";
import { baseOf, contentUrl } from "./attachment-link.ts";
import { isHash } from "./attachment-verb.ts";
import { checkedType } from "./content-of.ts";
import { isObject, parseJson, type JsonObject } from "../../http/json.ts";
import type { FhirPlace } from "../calls.ts";

/** What a text refers to: `Binary/1`. */
export type ReferenceFinder = (text: string) => readonly string[];

/**
 * A finder for these types. A text between quotation marks counts as a whole, so that addresses elsewhere do not.
 *
 * @param places the bases under which a resource may be
 */
export function referenceFinder(types: readonly string[], places: readonly FhirPlace[]): ReferenceFinder {
  const pattern = new RegExp(
    `["']([^"'\\s\\\\]{0,2000}?)\\b((?:${types.join("|")})/[A-Za-z0-9.-]{1,64})(?=["'?#|\\\\]|/_history/)`,
    "g",
  );
  return (text) =>
    Array.from(text.matchAll(pattern)).flatMap(([, start = "", address = ""]) =>
      places.some((place) => isAt(place, start, address)) ? [address] : [],
    );
}

function isAt(place: FhirPlace, start: string, address: string): boolean {
  const target = contentUrl(place, start + address);
  return typeof target !== "string" && target.href === new URL(address, baseOf(place)).href;
}

/** What an Attachment announces of its content, as far as that can be checked. */
export type Announcement = Pick<AttachmentElement, "contentType" | "size" | "hash">;

/** What the Attachments in a resource announce, by what `find` finds in their `url`. */
export function announcements(resource: string, find: ReferenceFinder): ReadonlyMap<string, Announcement> {
  const all = new Map<string, Announcement>();
  const values = [parseJson(resource)];
  for (const value of values) {
    if (typeof value !== "object" || value === null) continue;
    for (const one of Object.values(value)) if (typeof one === "object") values.push(one); // which this loop reaches
    if (!isObject(value) || typeof value["url"] !== "string") continue;
    for (const one of find(JSON.stringify(value["url"]))) all.set(one, announced(value, value["url"]));
  }
  return all;
}

/** A version may be another content, and the hash tells more than the size, which some servers count after an encoding. */
function announced({ contentType, size, hash }: JsonObject, url: string): Announcement {
  const isCurrent = !url.includes("/_history/");
  return {
    contentType: checkedType(contentType),
    ...(isCurrent && (isHash(hash) ? { hash } : isLength(size) && { size })),
  };
}

/** Some servers put 0 where they do not know it. */
function isLength(size: unknown): size is number {
  return Number.isSafeInteger(size) && Number(size) > 0;
}
