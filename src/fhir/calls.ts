/**
 * Describes FHIR calls without sending them. The descriptions lack the credentials; their arguments have been
 * checked.
 * Source of the facts: 1upHealth user management guide, "Access FHIR Resources".
 *
 * @module
 */
import { isElementName } from "../capabilities/element-names.ts";
import { LifecycleError } from "../errors.ts";
import { describeCall, formType, under, type Call, type CallFields } from "../http/call.ts";
import { type Sendable, refuse } from "./checks.ts";
import { writeFhirJson, type Written } from "./lossless-json.ts";
import { unwritableIn } from "./unwritable.ts";
import type { FhirVersion } from "./fhir-version.ts";

/** The base of one client's FHIR calls. */
export interface FhirPlace {
  /** Base without the version, e.g. `https://api.1up.health`. */
  readonly api: string;
  readonly version: FhirVersion;
}

/** A call under the base of the version. */
interface Under extends Pick<CallFields, "name" | "method" | "template" | "body"> {
  /** The path after the version: `/Patient/1`. */
  readonly path: string;
  /** Without its question mark; `""` for none. */
  readonly query?: string;
  readonly headers?: Call["headers"];
}

/** Shared by calls, so that the credentials are joined to them once. */
const accept = Object.freeze({ accept: "application/json" });
const asJson = Object.freeze({ ...accept, "content-type": "application/json" });

function call({ api, version }: FhirPlace, under_: Under): Call {
  const { name, method, path, template, query = "", headers, body } = under_;
  const usual = body === undefined ? accept : asJson;
  return describeCall({
    name,
    endpoint: "fhir",
    method,
    url: under(api, `/${version}${path}${query === "" ? "" : `?${query}`}`),
    template: `/${version}${template}`,
    headers: headers === undefined ? usual : { ...usual, ...headers },
    body,
  });
}

/** `POST /{version}/{resourceType}`. The server assigns the id and ignores one that is sent. */
export function createResourceCall(place: FhirPlace, resourceType: string, body: string): Call {
  const path = `/${resourceType}`;
  return call(place, { name: "fhirCreate", method: "POST", path, template: path, body });
}

/** `GET /{version}/{resourceType}/{id}` */
export function readResourceCall(place: FhirPlace, resourceType: string, id: string): Call {
  const [path, template] = [`/${resourceType}/${id}`, `/${resourceType}/{id}`];
  return call(place, { name: "fhirRead", method: "GET", path, template });
}

/** `GET /{version}/{resourceType}/{id}/_history/{versionId}` */
export function readVersionCall(place: FhirPlace, resourceType: string, id: string, versionId: string): Call {
  const path = `/${resourceType}/${id}/_history/${versionId}`;
  const template = `/${resourceType}/{id}/_history/{versionId}`;
  return call(place, { name: "fhirVread", method: "GET", path, template });
}

/** The parts of an update besides the id. */
export interface Update {
  readonly method: "PUT" | "POST";
  readonly body: string;
  /** The version that may be replaced; any version if undefined. */
  readonly versionId: string | undefined;
}

/** `PUT /{version}/{resourceType}/{id}`, with `If-Match` if the version is given. */
export function updateResourceCall(
  place: FhirPlace,
  resourceType: string,
  id: string,
  { method, body, versionId }: Update,
): Call {
  const [path, template] = [`/${resourceType}/${id}`, `/${resourceType}/{id}`];
  const headers = versionId === undefined ? {} : { headers: { "if-match": `W/"${versionId}"` } };
  return call(place, { name: "fhirUpdate", method, path, template, body, ...headers });
}

/** `DELETE /{version}/{resourceType}/{id}` */
export function deleteResourceCall(place: FhirPlace, resourceType: string, id: string): Call {
  const [path, template] = [`/${resourceType}/${id}`, `/${resourceType}/{id}`];
  return call(place, { name: "fhirDelete", method: "DELETE", path, template });
}

/**
 * `POST /{version}` with a Bundle of entries that are carried out one by one. The answer to a create needs the resource,
 * because an id alone does not show whether it belongs to that entry.
 */
export function batchCall(place: FhirPlace, body: string): Call {
  const headers = { prefer: "return=representation" };
  return call(place, { name: "fhirBatch", method: "POST", path: "", template: "", body, headers });
}

/** `PUT` or `DELETE /{version}/Patient/{id}/_permission/{oneup_user_id}` */
export function permissionCall(place: FhirPlace, share: boolean, id: string, oneupUserId: number): Call {
  return call(place, {
    name: share ? "fhirShare" : "fhirUnshare",
    method: share ? "PUT" : "DELETE",
    path: `/Patient/${id}/_permission/${oneupUserId}`,
    template: "/Patient/{id}/_permission/{oneup_user_id}",
  });
}

/** `GET` a page: the path is built here, or comes from a link that was checked. */
export function pageCall(place: FhirPlace, path: string, query: string): Call {
  const template = templateOf(path, isKnownName);
  return call(place, { name: "fhirPage", method: "GET", path, query, template });
}

/** `POST /{version}/{resourceType}/_search`: the search parameters are not in the URL, which proxies and logs keep. */
export function searchCall(place: FhirPlace, path: string, query: string): Call {
  const headers = { "content-type": formType };
  const to = `${path}/_search`;
  return call(place, {
    name: "fhirPage",
    method: "POST",
    path: to,
    template: templateOf(to),
    body: query,
    headers,
  });
}

/** An operation on the server, a type or a resource; a POST if it has a body. */
export function operationCall(place: FhirPlace, path: string, query: string, body: string | undefined): Call {
  const method = body === undefined ? "GET" : "POST";
  return call(place, { name: "fhirOperation", method, path, query, template: templateOf(path), body });
}

/** The path with ids replaced. Only the first segment, and those that start with `$` or `_`, are names. */
function templateOf(path: string, names: (part: string, index: number) => boolean = isName): string {
  const parts = path.split("/").slice(1);
  return parts.map((part, index) => (names(part, index) ? `/${part}` : "/{id}")).join("");
}

/** The same for a link, in which a server may put any words. */
function isKnownName(part: string, index: number): boolean {
  return (index === 0 && isElementName(part)) || ["_history", "_search", "$everything"].includes(part);
}

function isName(part: string, index: number): boolean {
  return (index === 0 && /^[A-Z][A-Za-z]{0,63}$/.test(part)) || /^[$_][A-Za-z-]{1,63}$/.test(part);
}

/**
 * The path of an address behind the base of the version: `/Patient/1`, or "" for the base itself; `null`: it is elsewhere.
 * 1upHealth serves a version under two bases, `/r4` and the older `/fhir/r4`, and may give links to either.
 */
export function pathUnder({ version }: FhirPlace, base: URL, { pathname }: URL): string | null {
  const own = base.pathname.replace(/\/$/, "");
  const names = [`/${version}`, `/fhir/${version}`];
  const start = (names.includes(own) ? names : [own]).find(
    (name) => pathname === name || pathname.startsWith(`${name}/`),
  );
  return start === undefined ? null : pathname.slice(start.length);
}

/** @throws {LifecycleError} `INVALID_RESOURCE` */
export function serialise(task: string, resource: Sendable): string {
  let written: Written | undefined;
  try {
    written = writeFhirJson(resource);
  } catch {} // the engine's message would quote field names of the resource
  const { text, isPlain = false } = written ?? {};
  // JSON writes what it has no text for as null, and half a character by its code.
  const unwritable =
    text === undefined || !isPlain || text.includes("null") || text.includes("\\ud")
      ? unwritableIn(resource, String(resource["resourceType"]))
      : null;
  if (unwritable !== null)
    throw new LifecycleError("INVALID_RESOURCE", `Cannot ${task}: JSON cannot hold ${unwritable}`);
  if (text !== undefined) return text;
  throw refuse(
    task,
    "a resource must serialise as JSON",
    "one with a cycle or a value that JSON cannot hold",
  );
}
