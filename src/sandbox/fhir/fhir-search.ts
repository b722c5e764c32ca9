/** The FHIR calls that return many resources: search and `$everything`. */

import { type Entry, pageOf } from "./bundle.ts";
import { type FhirCall, gone, withReadable } from "./fhir-call.ts";
import { isDeclared } from "../resources/fhir-types.ts";
import { issue } from "./operation-outcome.ts";
import type { Carried } from "../base/plan.ts";
import { readQuery } from "./read-query.ts";
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

/** `GET /{version}/Patient/{id}/$everything`: the patient, and the resources that refer to it. */
export function everything(call: FhirCall): Carried {
  const { world, incoming, reader, version, id, root } = call;
  return withReadable(call, (stored) => {
    const query = readQuery(incoming.query);
    if ("outcome" in query) return query;
    const now = world.now();
    if (shown(stored, now)?.text === undefined) return gone(call);
    const found = world.resources.find(reader, version, { patient: id }, now, "", () => true);
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
  const entryOf = (stored: StoredResource): Entry => ({
    address: `${stored.type}/${stored.id}`,
    text: shown(stored, now)?.text,
  });
  return pageOf(call, found, entryOf, query, { type: "searchset", self });
}
