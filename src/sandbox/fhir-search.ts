/** Searching and paging: filters, `_count`, `_skip`, and the links of a Bundle. */

import type { Listed, Resource } from "./resources.ts";

/** Resources on a page that asks for no number. */
const pageSize = 10;

/** Most resources on a page. */
const longestPage = 100;

/** Highest `_skip` that 1upHealth accepts. */
export const deepestSkip: number = 9990;

/** Does a resource match a search? Unknown parameters match everything, as a lenient server has it. */
export function matches(resource: Resource, query: URLSearchParams): boolean {
  for (const [name, value] of query) {
    if (name === "_id" && resource["id"] !== value) return false;
    if (name === "identifier" && !hasIdentifier(resource["identifier"], value)) return false;
    const plain = resource[name.toLowerCase() === "birthdate" ? "birthDate" : name];
    if (!name.startsWith("_") && isPlain(plain) && String(plain) !== value) return false;
  }
  return true;
}

/** Cuts one page out of `found` and wraps it in a Bundle; `self` is the address of the search without its query. */
export function bundle(
  found: readonly Listed[],
  query: URLSearchParams,
  self: string,
  root: string,
): Resource {
  const size = Math.min(longestPage, Math.max(1, whole(query.get("_count")) ?? pageSize));
  const start = startOf(found, query, size);
  const page = found.slice(start, start + size);
  const link = [{ relation: "self", url: address(self, query) }];
  const first = page[0];
  const last = page.at(-1);
  if (last !== undefined && start + size < found.length) {
    link.push({ relation: "next", url: address(self, query, "_after", last.order) });
  }
  if (first !== undefined && start > 0) {
    link.push({ relation: "prior", url: address(self, query, "_before", first.order) });
  }
  const entry = page.map(({ resource }) => ({
    fullUrl: `${root}/${String(resource["resourceType"])}/${String(resource["id"])}`,
    resource,
  }));
  return { resourceType: "Bundle", type: "searchset", total: found.length, link, entry };
}

function startOf(found: readonly Listed[], query: URLSearchParams, size: number): number {
  const after = whole(query.get("_after"));
  const before = whole(query.get("_before"));
  if (after !== undefined) return indexOrEnd(found, ({ order }) => order > after);
  if (before !== undefined) return Math.max(0, indexOrEnd(found, ({ order }) => order >= before) - size);
  return whole(query.get("_skip")) ?? 0;
}

function indexOrEnd(found: readonly Listed[], test: (one: Listed) => boolean): number {
  const index = found.findIndex(test);
  return index < 0 ? found.length : index;
}

function address(self: string, query: URLSearchParams, cursor?: string, order?: number): string {
  const changed = new URLSearchParams(query);
  if (cursor !== undefined) {
    for (const name of ["_after", "_before", "_skip"]) changed.delete(name);
    changed.set(cursor, String(order));
  }
  const text = changed.toString();
  return text === "" ? self : `${self}?${text}`;
}

function hasIdentifier(identifiers: unknown, wanted: string): boolean {
  const bar = wanted.indexOf("|");
  return (Array.isArray(identifiers) ? identifiers : [identifiers]).some((one: unknown) => {
    if (typeof one !== "object" || one === null) return false;
    const value = "value" in one ? one.value : undefined;
    const system = "system" in one ? one.system : undefined;
    if (bar < 0) return value === wanted;
    const sameSystem = (system ?? "") === wanted.slice(0, bar);
    return sameSystem && (bar === wanted.length - 1 || value === wanted.slice(bar + 1));
  });
}

function isPlain(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function whole(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
