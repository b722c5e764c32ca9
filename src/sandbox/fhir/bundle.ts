/** Bundles: one page of a search result, and its links. */

import type { FhirCall } from "./fhir-call.ts";
import { type Ordered, placeOf } from "../resources/folder.ts";
import { linksOf } from "./links-of.ts";
import { fhirJson } from "./operation-outcome.ts";
import type { Carried } from "../base/plan.ts";
import { numberOf, sizeOf } from "./read-query.ts";

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
