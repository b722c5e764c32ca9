/**
 * Finds references to resources of some types in the text of others: `Binary/1`, its address under the base of the
 * version, or a version of it, in `reference`, in the `url` of an Attachment, in a narrative, or wherever else they stand.
 *
 * @module
 */
import { baseOf, contentUrl } from "./attachment-link.ts";
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
