/**
 * Finds what JSON would leave out of a resource in silence, or write as `null` or `{}`, and texts that are no Unicode.
 *
 * @module
 */
import { types } from "node:util";
import { isElementName } from "../capabilities/element-names.ts";
import { isPlain } from "./checks.ts";

/**
 * What and where it is, such as "the Map at Patient.name", without names that are none of FHIR; `null`: nothing. Of a class
 * with fields, JSON writes the fields, so only one without any is reported.
 */
export function unwritableIn(resource: object, resourceType: string): string | null {
  try {
    return find(resource, "", resourceType, new Set());
  } catch {
    return null; // a toJSON() or a getter of the application failed, as it did while JSON was written
  }
}

function find(given: unknown, name: string, place: string, above: Set<object>): string | null {
  if (given instanceof Date && Number.isNaN(given.getTime())) return `the number or date at ${place}`;
  if (ArrayBuffer.isView(given)) return `the bytes at ${place}; give them as text in base64`;
  const value = inJson(given, name);
  if (typeof value === "string") return value.isWellFormed() ? null : `half a character at ${place}`;
  if (typeof value === "number") return Number.isFinite(value) ? null : `the number or date at ${place}`;
  if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint")
    return `the ${typeof value} at ${place}`;
  if (typeof value !== "object" || value === null || above.has(value)) return null; // a cycle has an error of its own
  const isList = Array.isArray(value);
  const entries = Object.entries(isList ? [...(value as readonly unknown[])] : value); // the copy has no holes
  if (entries.length === 0 && !isList && !isPlain(value)) return `the ${classOf(value)} at ${place}`;
  above.add(value);
  for (const [name, one] of entries) {
    const step = isElementName(name.replace(/^_/, "")) ? `.${name}` : ".…";
    const at = place + (isList ? `[${name}]` : step);
    if (isList && inJson(one, name) === undefined) return `undefined at ${at}; leave it out`;
    const found = name.isWellFormed() ? find(one, name, at, above) : `half a character at ${at}`;
    if (found !== null) return found;
  }
  above.delete(value);
  return null;
}

/** What JSON writes in its place. */
function inJson(given: unknown, name: string): unknown {
  if (typeof given === "string") return given;
  const { toJSON } = Object(given) as { readonly toJSON?: unknown };
  const value = typeof toJSON === "function" ? (Reflect.apply(toJSON, given, [name]) as unknown) : given;
  return types.isBoxedPrimitive(value) ? value.valueOf() : value;
}

/** The name of its class, as the programmer wrote it. */
export function classOf(value: object): string {
  const { constructor } = value as { readonly constructor?: unknown };
  return typeof constructor === "function" && /^\w{1,40}$/.test(constructor.name)
    ? constructor.name
    : "object";
}
