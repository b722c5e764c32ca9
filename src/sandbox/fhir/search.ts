/**
 * The FHIR calls that return many resources: search and `$everything`. They return parts of the matches (`_elements`,
 * `_summary`) and the resources that these refer to, if they are asked for.
 */
import { type Entry, pageOf } from "./bundle.ts";
import { type FhirCall, gone, withReadable } from "./fhir-call.ts";
import { isDeclared } from "../resources/served-types.ts";
import { fhirJson, issue } from "./operation-outcome.ts";
import type { Carried } from "../base/plan.ts";
import { readQuery } from "./read-query.ts";
import { readFilters, along } from "./search-filters.ts";
import { shown, type StoredResource } from "../resources/stored-resource.ts";
import { isObject } from "../../checks.ts";
import { membersOf } from "../resources/resource-text.ts";
import { parseObject } from "../base/message.ts";
import { searchParameter } from "./search-parameter.ts";
import { sortOrder } from "./sort-order.ts";

export function search(call: FhirCall): Carried {
  const { world, incoming, reader, version, type, root } = call;
  if (!isDeclared(version, type, "fhir.search")) {
    return issue(400, "not-supported", "This type cannot be searched");
  }
  const query = readQuery(incoming.query);
  if ("outcome" in query) return query;
  const { undeclared } = world.settings;
  const filters = readFilters(query.search, { version, type, undeclared });
  if ("outcome" in filters) return filters;
  const order = sortOrder(query.search.get("_sort"), { version, type, undeclared });
  if (typeof order !== "function") return order;
  const now = call.lookedAt();
  const textOf = (stored: StoredResource): string => shown(stored, now)?.text ?? "";
  const found = world.resources.find(reader, version, { type }, now, filters.name, (stored) =>
    filters.matches(textOf(stored)),
  );
  const sorted = order(found, textOf);
  // A page is found by the place of its last resource.
  const placed = sorted === found ? found : sorted.map((stored, place) => ({ ...stored, order: place }));
  return page(call, placed, query.search, `${root}/${type}`);
}

/** `GET /{version}/Patient/$everything`: all patients, and the resources that refer to one of them. */
function everythingOfAll(call: FhirCall): Carried {
  const { world, incoming, reader, version, root } = call;
  const query = readQuery(incoming.query);
  if ("outcome" in query) return query;
  const now = call.lookedAt();
  const patients = world.resources.find(reader, version, { type: "Patient" }, now);
  const found = patients.flatMap(({ id }) => world.resources.find(reader, version, { patient: id }, now));
  const each = [...new Set(found)].sort((one, other) => one.order - other.order);
  return page(call, each, query.search, `${root}/Patient/$everything`);
}

/** `GET /{version}/Patient/{id}/$everything`: the patient, and the resources that refer to it. */
export function everything(call: FhirCall): Carried {
  const { world, incoming, reader, version, id, root } = call;
  if (id === "$everything") return everythingOfAll(call);
  return withReadable(call, (stored) => {
    const query = readQuery(incoming.query);
    if ("outcome" in query) return query;
    const now = call.lookedAt();
    if (shown(stored, now)?.text === undefined) return gone(call);
    const found = world.resources.find(reader, version, { patient: id }, now);
    return page(call, found, query.search, `${root}/Patient/${id}/$everything`);
  });
}

function page(
  call: FhirCall,
  found: readonly StoredResource[],
  query: URLSearchParams,
  self: string,
): Carried {
  const now = call.lookedAt();
  const part = partFor(call, query);
  const entryOf = (stored: StoredResource): Entry => {
    const text = shown(stored, now)?.text;
    return {
      address: `${stored.type}/${stored.id}`,
      text: part === undefined || text === undefined ? text : part(text),
    };
  };
  if (query.get("_summary") === "count") {
    const bundle = { resourceType: "Bundle", type: "searchset", total: found.length };
    return { outgoing: fhirJson(200, bundle), outcome: "found", committed: true };
  }
  const kind = { type: "searchset", self } as const;
  return pageOf(call, found, entryOf, query, kind, (matches) =>
    includedIn(call, query, matches).map((stored) => ({
      ...entryOf(stored),
      extra: { search: { mode: "include" } },
    })),
  );
}

/** Makes the part of a resource, given as JSON, that a search asks for; `undefined`: all of it. */
function partFor({ world }: FhirCall, search: URLSearchParams): ((text: string) => string) | undefined {
  const summary = search.get("_summary");
  const elements = search.get("_elements")?.split(",");
  const { parts } = world.settings;
  if (parts === "whole") return undefined;
  if (elements === undefined && (summary === null || summary === "false" || summary === "count"))
    return undefined;
  const isKept = (name: string): boolean => {
    if (["resourceType", "id", "meta"].includes(name)) return true;
    if (elements !== undefined) return elements.includes(name);
    return summary === "data" ? name !== "text" : name === (summary === "text" ? "text" : "identifier");
  };
  return (text) => {
    const kept = [...membersOf(text)].filter(([name]) => isKept(name));
    const all = kept.map(([name, value]) => {
      const isTagged = name === "meta" && parts === "tagged" && value.endsWith("}");
      return `"${name}":${isTagged ? `${value.slice(0, -1)},"tag":[{"code":"SUBSETTED"}]}` : value}`;
    });
    return `{${all.join(",")}}`;
  };
}

/**
 * The resources that matches refer to by the search parameters that `_include` names, and those that refer to matches by
 * those of `_revinclude`, each once.
 */
function includedIn(
  { world, reader, version, lookedAt }: FhirCall,
  search: URLSearchParams,
  matches: readonly StoredResource[],
): readonly StoredResource[] {
  const now = lookedAt();
  const found = new Set<StoredResource>();

  /** What a resource of `type` refers to by a parameter: `Observation:subject`, or only to one type: `…:Patient`. */
  function targetsOf(stored: StoredResource, asked: string): readonly StoredResource[] {
    const [type = "", name = "", only] = asked.split(":");
    const resource = stored.type === type ? parseObject(shown(stored, now)?.text ?? "") : undefined;
    const paths = searchParameter(type, name)?.paths ?? [];
    return paths
      .flatMap((path) => along(resource, path))
      .flatMap((element) => {
        const reference = isObject(element) ? String(element["reference"]) : "";
        const [, target = "", id = ""] = /(?:^|\/)([A-Z]\w+)\/([^/]+)$/.exec(reference) ?? [];
        if (only !== undefined && only !== target) return [];
        const one = world.resources.readable(reader, version, target, id, now);
        return one === undefined || shown(one, now)?.text === undefined ? [] : [one];
      });
  }

  for (const asked of search.getAll("_include"))
    for (const match of matches) for (const one of targetsOf(match, asked)) found.add(one);
  const addressOf = ({ type, id }: StoredResource): string => `${type}/${id}`;
  const all = new Set(matches.map(addressOf));
  for (const asked of search.getAll("_revinclude")) {
    const [type = ""] = asked.split(":");
    for (const one of world.resources.find(reader, version, { type }, now))
      if (targetsOf(one, asked).some((target) => all.has(addressOf(target)))) found.add(one);
  }
  return [...found].filter((one) => !all.has(addressOf(one)));
}
