/**
 * Bundles: one page of a search result, and its links, correct or hostile: what a client that follows links may meet.
 */
import type { FhirCall } from "./fhir-call.ts";
import { type Ordered, placeOf } from "../resources/folder.ts";
import { fhirJson } from "./operation-outcome.ts";
import type { Carried } from "../base/plan.ts";
import { numberOf, sizeOf, pagingNames } from "./read-query.ts";
import type { Behaviour } from "../options/behaviour.ts";

/** A resource in a Bundle. */
export interface Entry {
  /** `{type}/{id}`. */
  readonly address: string;
  /** The resource, as JSON. */
  readonly text?: string | undefined;
  /** Additional members of the entry. */
  readonly extra?: object;
}

/** The type of a Bundle, and the absolute address without the query. */
export interface BundleKind {
  readonly type: "searchset" | "history";
  readonly self: string;
}

/** Returns the page of `found` that `search` asks for; only its items become entries, and those `beside` them. */
export function pageOf<T extends Ordered>(
  { world, root }: FhirCall,
  found: readonly T[],
  entryOf: (item: T) => Entry,
  search: URLSearchParams,
  { type, self }: BundleKind,
  beside: (page: readonly T[]) => readonly Entry[] = () => [],
): Carried {
  const size = sizeOf(search);
  const start = startOf(found, search, size);
  const page = found.slice(start, start + size);
  const place = {
    first: page[0]?.order,
    last: page.at(-1)?.order,
    start,
    end: start + size,
    total: found.length,
  };
  const link = linksOf(world.settings, search, self, place);
  const head = {
    resourceType: "Bundle",
    type,
    ...(world.settings.totals ? { total: found.length } : {}),
    ...(link === undefined ? {} : { link }),
  };
  const entries = [...page.map((item) => entryOf(item)), ...beside(page)].map((one) => entryText(one, root));
  // Built as text, so that decimals keep the digits that were sent.
  const body = `${JSON.stringify(head).slice(0, -1)},"entry":[${entries.join(",")}]}`;
  return { outgoing: { ...fhirJson(200, null), body }, outcome: "found", committed: true };
}

function startOf(found: readonly Ordered[], search: URLSearchParams, size: number): number {
  const after = numberOf(search, "_after");
  const before = numberOf(search, "_before");
  if (after !== undefined) return placeOf(found, after + 1);
  if (before !== undefined) return Math.max(0, placeOf(found, before) - size);
  return Math.max(0, numberOf(search, "_skip") ?? 0);
}

function entryText({ address, text, extra }: Entry, root: string): string {
  const rest = JSON.stringify({ fullUrl: `${root}/${address}`, ...extra }).slice(0, -1);
  return text === undefined ? `${rest}}` : `${rest},"resource":${text}}`;
}

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
function linksOf(
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
