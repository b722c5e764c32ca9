/**
 * Validates the arguments of the FHIR client. No message shows an id or a value, because both may identify a person.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import { isObject } from "../http/json.ts";
import { fhirVersions } from "./fhir-version.ts";

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

/** An own property. */
export function own(value: Sendable, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function isPlain(value: unknown): value is Sendable {
  if (!isObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // An object of another realm (a worker, a test runner's sandbox) has another Object.prototype.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** @throws {LifecycleError} `INVALID_OPTION` for an unknown option */
export function checkOptions<T extends object>(
  task: string,
  options: T | undefined,
  names: Readonly<Record<keyof T, true>>,
): Partial<T> {
  if (options === undefined) return {};
  if (!isObject(options)) throw wrong(task, "options must be an object", kindOf(options));
  const stranger = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (stranger === undefined) return options;
  throw wrong(task, `an option must be one of ${Object.keys(names).join(", ")}`, shown(stranger));
}

/** @throws {LifecycleError} `INVALID_OPTION` unless it is undefined or one of these */
export function checkChoice<T extends string | boolean>(
  task: string,
  name: string,
  value: T | undefined,
  allowed: readonly T[],
): T | undefined {
  if (value === undefined || allowed.includes(value)) return value;
  throw wrong(task, `${name} must be one of ${allowed.join(", ")}`, shown(value));
}

/** @throws {LifecycleError} `INVALID_OPTION` unless it is undefined or an integer in this range */
export function checkNumber(
  task: string,
  name: string,
  value: unknown,
  least: number,
  most: number,
): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
  const got = typeof value === "number" ? String(value) : kindOf(value);
  throw wrong(task, `${name} must be a whole number from ${least} to ${most}`, got);
}

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkSignal(task: string, signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw wrong(task, "signal must be an AbortSignal", kindOf(signal));
}

export function wrong(task: string, rule: string, value: string): LifecycleError {
  return new LifecycleError("INVALID_OPTION", `Cannot ${task}: ${rule}, got ${value}`);
}

export function refuse(task: string, rule: string, value: string): LifecycleError {
  return new LifecycleError("INVALID_RESOURCE", `Cannot ${task}: ${rule}, got ${value}`);
}

/** A name that a programmer wrote, or else the kind of the value. */
export function shown(value: unknown): string {
  return typeof value === "string" && value.length <= 40 ? JSON.stringify(value) : kindOf(value);
}

export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return value === undefined ? "nothing" : `${/^[aeiou]/.test(typeof value) ? "an" : "a"} ${typeof value}`;
}
