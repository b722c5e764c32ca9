/**
 * Addresses of content. The token is sent there, and a resource or a redirect chose them, so they must stay under the base
 * of the version.
 *
 * @module
 */
import { under } from "../../http/call.ts";
import { pathUnder, type FhirPlace } from "../calls.ts";

/** The longest address that is called; servers reject longer ones. */
const longestLink = 16_000;

/**
 * The absolute address of a link under the base; otherwise what it is instead, for a message.
 *
 * @param from the address that a redirect came from; without it a relative link is relative to the base
 */
export function contentUrl(place: FhirPlace, link: string, from?: string): URL | string {
  const base = baseOf(place);
  if (link.length > longestLink) return `one of more than ${longestLink} characters`;
  if (!URL.canParse(link, from ?? base)) return "one that is no URL";
  const target = new URL(link, from ?? base);
  // seam: an-attachment-stays-at-its-server
  if (target.origin !== base.origin) return "one with another origin";
  if (target.username !== "" || target.password !== "") return "one with credentials in it";
  // Characters that a server may decode to another path are refused.
  const path = pathUnder(place, base, target);
  if (path === null || !/^(?:\/[\w$.~-]+)+$/.test(path)) return "one with another path";
  target.pathname = base.pathname + path.slice(1);
  target.hash = "";
  return target;
}

/** With a slash at its end. */
export function baseOf(place: FhirPlace): URL {
  return new URL(under(place.api, `/${place.version}/`));
}
