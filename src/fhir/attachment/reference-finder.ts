/**
 * Finds references to resources of some types in the text of others: `Binary/1`, its address under the base of the
 * version, or a version of it, in `reference`, in the `url` of an Attachment, in a narrative, or wherever else they stand.
 *
 * @module
 */
import { baseOf, contentUrl } from "./attachment-link.ts";
import { isObject, parseJson } from "../../http/json.ts";
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

/** The media types that the Attachments in a resource announce, by what `find` finds in their `url`. */
export function announcedTypes(resource: string, find: ReferenceFinder): ReadonlyMap<string, string> {
  const types = new Map<string, string>();
  const values = [parseJson(resource)];
  for (const value of values) {
    if (typeof value !== "object" || value === null) continue;
    for (const one of Object.values(value)) if (typeof one === "object") values.push(one); // which this loop reaches
    if (!isObject(value)) continue;
    const { url, contentType } = value;
    if (typeof url !== "string" || typeof contentType !== "string") continue;
    for (const one of find(JSON.stringify(url))) types.set(one, contentType);
  }
  return types;
}
