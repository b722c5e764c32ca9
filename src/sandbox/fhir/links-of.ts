/** The links of a Bundle, correct or hostile: what a client that follows links may meet. */

import type { Behaviour } from "../options/behaviour.ts";
import { pagingNames } from "./read-query.ts";

/** The position of a page in a search result. */
export interface Place {
  /** The cursors of its first and last resource; missing on an empty page. */
  readonly first?: number | undefined;
  readonly last?: number | undefined;
  /** Its bounds, counted from 0. */
  readonly start: number;
  readonly end: number;
  readonly total: number;
}

/** The links of a page; `self` is its absolute URL without the query. `undefined`: the Bundle has none. */
export function linksOf(
  { nextLink, linkOrder, loneLink }: Behaviour,
  search: URLSearchParams,
  self: string,
  place: Place,
): readonly { readonly relation: string; readonly url: string }[] | undefined {
  const link = [{ relation: "self", url: address(self, search) }];
  const cursor = nextCursor(nextLink, search, place);
  if (cursor !== undefined) link.push({ relation: "next", url: led(nextLink, address(self, cursor)) });
  if (place.first !== undefined && place.start > 0) {
    const prior = moved(search, "_before", place.first);
    link.push({ relation: "prior", url: led(nextLink, address(self, prior)) });
  }
  if (link.length === 1 && !loneLink) return undefined;
  return linkOrder === "selfFirst" ? link : link.toReversed();
}

/** The query of the next page; `undefined` if there is no link to it. */
function nextCursor(
  nextLink: Behaviour["nextLink"],
  search: URLSearchParams,
  { last, end, total }: Place,
): URLSearchParams | undefined {
  if (nextLink === "stuck") return search;
  if (last !== undefined && end < total) return moved(search, "_after", last);
  if (nextLink === "circle") return moved(search);
  if (nextLink !== "endless") return undefined;
  return moved(search, "_after", last ?? Number(search.get("_after")) + 1);
}

function moved(search: URLSearchParams, cursor?: string, order?: number): URLSearchParams {
  const changed = new URLSearchParams(search);
  for (const name of pagingNames) if (name !== "_count") changed.delete(name);
  if (cursor !== undefined) changed.set(cursor, String(order));
  return changed;
}

/** The URL, changed as the option `nextLink` demands. */
function led(nextLink: Behaviour["nextLink"], url: string): string {
  const path = url.replace(/^\w+:\/\/[^/]*/, "");
  const origin = url.slice(0, url.length - path.length);
  if (typeof nextLink === "object") return nextLink.origin + path;
  const changed = new Map([
    ["relative", path],
    ["portTwice", withPortTwice(origin) + path],
    ["otherBase", `${origin}/elsewhere${path}`],
  ]);
  return changed.get(nextLink) ?? url;
}

function withPortTwice(origin: string): string {
  const port = /:\d+$/.exec(origin)?.[0];
  if (port !== undefined) return origin + port;
  return origin + (origin.startsWith("https:") ? ":443:443" : ":80:80");
}

function address(self: string, search: URLSearchParams): string {
  const text = search.toString();
  return text === "" ? self : `${self}?${text}`;
}
