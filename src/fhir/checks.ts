/**
 * Validates the arguments of the FHIR client. No message shows an id or a value, because both may identify a person.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { isObject, kindOf } from "../checks.ts";
import { LifecycleError } from "../errors.ts";
import { parseJson, type JsonObject } from "../http/json.ts";
import { fhirVersions, type FhirVersion } from "./fhir-version.ts";

/** @throws {LifecycleError} `INVALID_RESOURCE` */
export function checkVersion(version: string): void {
  if (!fhirVersions.some((known) => known === version))
    throw refuse("create a FHIR client", `version must be one of ${fhirVersions.join(", ")}`, shown(version));
}

/** FHIR's type `id`. */
const resourceId = /^[A-Za-z0-9\-.]{1,64}$/;

/** Whether it is an id under which a resource can be read. "." and ".." would be path segments. */
export function isResourceId(id: unknown): id is string {
  return typeof id === "string" && resourceId.test(id) && id !== "." && id !== "..";
}

/** The id in an address of a resource of that type. */
export function idAt(resourceType: string | undefined, address: string | undefined): string | undefined {
  const found = new RegExp(`(?:^|/)${resourceType}/([^/?#]+)`).exec(address ?? "")?.[1];
  return isResourceId(found) ? found : undefined;
}

/** @throws {LifecycleError} `INVALID_RESOURCE` */
export function checkResourceId(task: string, id: unknown, what = "an id"): string {
  if (isResourceId(id)) return id;
  throw refuse(
    task,
    `${what} must match ${resourceId.source}`,
    typeof id === "string" ? `${id.length} characters` : kindOf(id),
  );
}

const resourceTypeName = /^[A-Z][A-Za-z]+$/;

/** @throws {LifecycleError} `INVALID_RESOURCE` */
export function checkType(task: string, resourceType: unknown): string {
  if (typeof resourceType !== "string" || resourceType.length > 64 || !resourceTypeName.test(resourceType))
    throw refuse(task, `resourceType must match ${resourceTypeName.source}`, shown(resourceType));
  return resourceType;
}

/** A resource that can be sent. */
export type Sendable = Readonly<Record<string, unknown>>;

/** @throws {LifecycleError} `INVALID_RESOURCE` */
export function checkResource(task: string, resource: unknown): Sendable {
  if (!isPlain(resource)) throw refuse(task, "a resource must be a plain object", kindOf(resource));
  checkType(task, own(resource, "resourceType"));
  return resource;
}

/** The code system of the tag `SUBSETTED`. */
const tagSystems: Readonly<Record<FhirVersion, string>> = {
  dstu2: "http://hl7.org/fhir/v3/ObservationValue",
  stu3: "http://hl7.org/fhir/v3/ObservationValue",
  r4: "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
};

/**
 * Tags a resource of which a search returned a part, where the server did not: every copy has the tag, too, and without
 * it an update would erase the rest.
 */
export function tagPart(version: FhirVersion, resource: JsonObject): void {
  if (isTaggedPart(resource)) return;
  const given = own(resource, "meta");
  const meta = isObject(given) ? given : {};
  const tag = [own(meta, "tag") ?? []].flat().concat({ system: tagSystems[version], code: "SUBSETTED" });
  Object.assign(resource, { meta: Object.assign(meta, { tag }) });
}

function isTaggedPart(resource: Sendable): boolean {
  const meta = own(resource, "meta");
  const tags: readonly unknown[] = isObject(meta) ? [own(meta, "tag")].flat() : [];
  return tags.some((tag) => isObject(tag) && own(tag, "code") === "SUBSETTED");
}

/**
 * Refuses a resource of which a search returned a part (`_elements`, `_summary`): an update replaces all of it.
 *
 * @throws {LifecycleError} `INVALID_RESOURCE`
 */
export function checkWhole(task: string, resource: Sendable): Sendable {
  if (isTaggedPart(resource))
    throw refuse(
      task,
      "a resource must be whole, so read it first",
      "a part of one, as _elements and _summary return it",
    );
  return resource;
}

/** An own property. */
export function own(value: Sendable, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

/** Whether it is an object without a class. */
export function isPlain(value: unknown): value is Sendable {
  if (!isObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // An object of another realm (a worker, a test runner's sandbox) has another Object.prototype.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

export function refuse(task: string, rule: string, value: string): LifecycleError {
  return new LifecycleError("INVALID_RESOURCE", `Cannot ${task}: ${rule}, got ${value}`);
}

/** A name that a programmer wrote, or else the kind of the value. */
export function shown(value: unknown): string {
  return typeof value === "string" && value.length <= 40 ? JSON.stringify(value) : kindOf(value);
}

/** The parts that a cursor was written from; none if it is no cursor. */
export function cursorParts(cursor: unknown): readonly unknown[] {
  if (typeof cursor !== "string" || !/^[\w-]{1,32000}$/.test(cursor)) return [];
  const parts = parseJson(Buffer.from(cursor, "base64url").toString("utf8"));
  return Array.isArray(parts) ? parts : [];
}
