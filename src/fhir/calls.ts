/**
 * Describes FHIR calls and refuses at the door what could not be sent. Source of the facts: 1upHealth user
 * management guide, "Access FHIR Resources".
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import { describeCall, under, type Call } from "../http/call.ts";
import { isObject } from "../http/json.ts";
import { fhirVersions, type FhirVersion } from "./versions.ts";

/** Where FHIR calls of one client go. */
export interface FhirPlace {
  /** Base without the version, e.g. `https://api.1up.health`. */
  readonly api: string;
  readonly version: FhirVersion;
}

/** @throws {LifecycleError} `INVALID_RESOURCE` */
export function checkVersion(version: string): void {
  if (!fhirVersions.some((known) => known === version))
    throw refuse("create a FHIR client", `version must be one of ${fhirVersions.join(", ")}`, shown(version));
}

/**
 * Describes `POST /{version}/{resourceType}`; sends nothing; it lacks the token. The server assigns the id and ignores one that is sent.
 *
 * @throws {LifecycleError} `INVALID_RESOURCE`
 */
export function createResourceCall(place: FhirPlace, resource: object): Call {
  const task = "create the resource";
  if (!isPlain(resource)) throw refuse(task, "a resource must be a plain object", typeOf(resource));
  const resourceType = checkType(
    task,
    Object.hasOwn(resource, "resourceType") ? resource.resourceType : undefined,
  );
  return describeCall({
    name: "fhirCreate",
    endpoint: "fhir",
    method: "POST",
    url: under(place.api, `/${place.version}/${resourceType}`),
    template: `/${place.version}/${resourceType}`,
    headers: { accept: "application/json", "content-type": "application/json" },
    body: serialise(task, resource),
  });
}

/**
 * Describes `GET /{version}/{resourceType}/{id}`; sends nothing; it lacks the token.
 *
 * @throws {LifecycleError} `INVALID_RESOURCE`
 */
export function readResourceCall(place: FhirPlace, resourceType: string, id: string): Call {
  const task = "read the resource";
  checkType(task, resourceType);
  // The id may point to a person, so the message gives its kind and length only.
  if (!isResourceId(id))
    throw refuse(
      task,
      `an id must match ${resourceId.source}`,
      typeof id === "string" ? `${id.length} characters` : typeOf(id),
    );
  return describeCall({
    name: "fhirRead",
    endpoint: "fhir",
    method: "GET",
    url: under(place.api, `/${place.version}/${resourceType}/${id}`),
    template: `/${place.version}/${resourceType}/{id}`,
    headers: { accept: "application/json" },
  });
}

/** FHIR's type `id`. */
const resourceId = /^[A-Za-z0-9\-.]{1,64}$/;

/** Is it an id under which a resource can be read? "." and ".." would be steps in a path. */
export function isResourceId(id: unknown): boolean {
  return typeof id === "string" && resourceId.test(id) && id !== "." && id !== "..";
}

const resourceTypeName = /^[A-Z][A-Za-z]+$/;

function checkType(task: string, resourceType: unknown): string {
  if (typeof resourceType !== "string" || resourceType.length > 64 || !resourceTypeName.test(resourceType))
    throw refuse(task, `resourceType must match ${resourceTypeName.source}`, shown(resourceType));
  return resourceType;
}

/** The same call with an access token, in the header and nowhere else. */
export function withToken(call: Call, token: string): Call {
  return describeCall({ ...call, headers: { ...call.headers, authorization: `Bearer ${token}` } });
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (!isObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // An object of another realm (a worker, a test runner's sandbox) has another Object.prototype.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function serialise(task: string, resource: Readonly<Record<string, unknown>>): string {
  try {
    const text = JSON.stringify(resource) as string | undefined; // undefined from a toJSON() of its own
    if (text !== undefined) return text;
  } catch {} // the engine's message would quote names of the resource
  throw refuse(
    task,
    "a resource must serialise as JSON",
    "one with a cycle or a value that JSON cannot hold",
  );
}

function refuse(task: string, rule: string, value: string): LifecycleError {
  return new LifecycleError("INVALID_RESOURCE", `Cannot ${task}: ${rule}, got ${value}`);
}

function shown(value: unknown): string {
  return typeof value === "string" && value.length <= 40 ? JSON.stringify(value) : typeOf(value);
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return value === undefined ? "nothing" : `${/^[aeiou]/.test(typeof value) ? "an" : "a"} ${typeof value}`;
}
