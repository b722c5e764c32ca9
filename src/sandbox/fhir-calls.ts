/** The FHIR calls themselves, once the caller is known. */

import { bundle, deepestSkip, matches } from "./fhir-search.ts";
import { type FhirVersion, isSearchable } from "./fhir-types.ts";
import { header, type Incoming, json, parseObject } from "./message.ts";
import { fhirJson, issue } from "./operation-outcome.ts";
import type { Carried, FhirCallName } from "./plan.ts";
import type { Listed, Reader, Resource, StoredResource } from "./resources.ts";
import type { World } from "./world.ts";

/** Levels of objects and arrays that a resource may have. */
const deepest = 100;

/** A FHIR call, taken apart. */
export interface FhirCall {
  readonly world: World;
  readonly incoming: Incoming;
  readonly reader: Reader;
  readonly version: FhirVersion;
  readonly type: string;
  readonly id: string;
  /** The user with whom `_permission` shares. */
  readonly with: string;
  /** Absolute address of the version, without a slash at the end. */
  readonly root: string;
}

/** Carries out `name`. */
export function carryOutFhir(name: FhirCallName, call: FhirCall): Carried {
  switch (name) {
    case "fhir.create":
      return create(call);
    case "fhir.read":
      return read(call);
    case "fhir.search":
      return search(call);
    case "fhir.update":
      return update(call);
    case "fhir.delete":
      return withOwned(call, (stored) => {
        call.world.resources.delete(stored, call.world.now());
        return { outgoing: { status: 204, headers: {}, body: "" }, outcome: "deleted", committed: true };
      });
    case "fhir.everything":
      return everything(call);
    case "fhir.share":
    case "fhir.unshare":
      return permit(call, name === "fhir.share");
    case "fhir.purge":
      return purge(call);
    default:
      return name satisfies never;
  }
}

function create(call: FhirCall): Carried {
  const { world, reader, version, type, root } = call;
  if (reader === "client") return ambiguous();
  const sent = readResource(call);
  if ("outcome" in sent) return sent;
  const resource = world.resources.create(reader, version, type, sent.resource, world.now());
  const location = `${root}/${type}/${String(resource["id"])}`;
  return { outgoing: fhirJson(201, resource, { location }), outcome: "created", committed: true };
}

function read({ world, reader, version, type, id }: FhirCall): Carried {
  const resource = world.resources.read(reader, version, type, id, world.now());
  if (resource === undefined) return absent();
  return { outgoing: fhirJson(200, resource), outcome: "read", committed: true };
}

function update(call: FhirCall): Carried {
  const { world, incoming } = call;
  return withOwned(call, (stored) => {
    const sent = readResource(call);
    if ("outcome" in sent) return sent;
    const id = sent.resource["id"];
    if (id !== undefined && id !== call.id)
      return issue(400, "invalid", "The id is not the one of the address");
    const expected = header(incoming, "if-match");
    if (expected !== undefined && expected !== `W/"${stored.versionId}"`) {
      return issue(412, "conflict", "The version is not the current one");
    }
    const resource = world.resources.update(stored, sent.resource, world.now());
    return { outgoing: fhirJson(200, resource), outcome: "updated", committed: true };
  });
}

function search(call: FhirCall): Carried {
  const { world, incoming, reader, version, type, root } = call;
  if (!isSearchable(version, type)) return issue(400, "not-supported", "This type cannot be searched");
  const query = readQuery(incoming.query);
  if ("outcome" in query) return query;
  const found = world.resources
    .list(reader, version, type, world.now())
    .filter(({ resource }) => matches(resource, query.search));
  return page(found, query.search, `${root}/${type}`, root);
}

function everything(call: FhirCall): Carried {
  const { world, incoming, reader, version, id, root } = call;
  const query = readQuery(incoming.query);
  if ("outcome" in query) return query;
  if (world.resources.read(reader, version, "Patient", id, world.now()) === undefined) return absent();
  const mention = `"Patient/${id}"`;
  const found = world.resources
    .list(reader, version, undefined, world.now())
    .filter(({ resource }) => resource["id"] === id || JSON.stringify(resource).includes(mention));
  return page(found, query.search, `${root}/Patient/${id}/$everything`, root);
}

function page(found: readonly Listed[], query: URLSearchParams, self: string, root: string): Carried {
  return { outgoing: fhirJson(200, bundle(found, query, self, root)), outcome: "found", committed: true };
}

function permit(call: FhirCall, share: boolean): Carried {
  const { resources, users } = call.world;
  return withOwned(call, (stored) => {
    const user = users.byId(Number(call.with));
    if (user === undefined) return absent();
    if (share) resources.share(stored, user.oneupUserId);
    else resources.unshare(stored, user.oneupUserId);
    const outcome = share ? "shared" : "unshared";
    return { outgoing: json(200, { success: true }), outcome, committed: true };
  });
}

function purge({ world, reader, version }: FhirCall): Carried {
  if (reader === "client") return ambiguous();
  const finished = world.resources.purge(reader, version, world.settings.purgeBatch);
  const outgoing = finished
    ? json(200, { success: true })
    : json(504, { message: "Endpoint request timed out" });
  return { outgoing, outcome: finished ? "purged" : "cut", committed: true };
}

function withOwned(call: FhirCall, use: (stored: StoredResource) => Carried): Carried {
  const stored = call.world.resources.owned(call.reader, call.version, call.type, call.id);
  return stored === undefined ? absent() : use(stored);
}

function readResource({ incoming, type }: FhirCall): { readonly resource: Resource } | Carried {
  const resource = parseObject(incoming.body);
  if (resource === undefined) return issue(400, "structure", "The body is not a JSON object");
  if (isDeeper(resource, deepest)) return issue(400, "structure", `The body nests deeper than ${deepest}`);
  if (resource["resourceType"] === type) return { resource };
  return issue(400, "invalid", "The resourceType is not the one of the address");
}

/** Parsing survives any depth, writing does not: such a resource must not get in. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1));
}

function readQuery(text: string): { readonly search: URLSearchParams } | Carried {
  if (text.includes("|")) return issue(400, "invalid", "A bar in the query must be written as %7C");
  const search = new URLSearchParams(text);
  if (Number(search.get("_skip")) <= deepestSkip) return { search };
  return issue(400, "too-costly", `_skip must not be above ${deepestSkip}`);
}

function absent(): Carried {
  return issue(404, "not-found", "Resource not found");
}

function ambiguous(): Carried {
  return issue(400, "invalid", "x-oneup-user-id must name one user");
}
