/** The FHIR calls that return many resources: search and `$everything`. */

import { type Entry, pageOf } from "./bundle.ts";
import { type FhirCall, gone, withReadable } from "./fhir-call.ts";
import { isDeclared } from "../resources/served-types.ts";
import { fhirJson, issue } from "./operation-outcome.ts";
import type { Carried } from "../base/plan.ts";
import { readQuery } from "./read-query.ts";
import { includedIn, partFor } from "./search-results.ts";
import { readFilters } from "./search-filters.ts";
import { shown, type StoredResource } from "../resources/stored-resource.ts";

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
  const now = world.now();
  const found = world.resources.find(reader, version, { type }, now, filters.name, (stored) =>
    filters.matches(shown(stored, now)?.text ?? ""),
  );
  return page(call, found, query.search, `${root}/${type}`);
}

/** `GET /{version}/Patient/$everything`: all patients, and the resources that refer to one of them. */
function everythingOfAll(call: FhirCall): Carried {
  const { world, incoming, reader, version, root } = call;
  const query = readQuery(incoming.query);
  if ("outcome" in query) return query;
  const now = world.now();
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
    const now = world.now();
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
  const now = call.world.now();
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
