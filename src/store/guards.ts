/**
 * Type guards for stored JSON, which may have been written by other software.
 *
 * @module
 */
import type { Json } from "./contract.ts";

/** Whether it is an object, with any content. */
export function isObject(value: unknown): value is Readonly<Record<string, Json>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object in this field of a stored one; an empty one if there is none. */
export function objectIn(value: Json, name: string): Readonly<Record<string, Json>> {
  const found = isObject(value) ? value[name] : undefined;
  return isObject(found) ? found : {};
}

/** Whether it is milliseconds since 1970 that a `Date` can hold. JSON can express infinity, as `1e999`. */
export function isTime(value: unknown): value is number {
  return typeof value === "number" && Math.abs(value) <= 8.64e15;
}

export function isText(value: unknown): value is string {
  return typeof value === "string";
}

export function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

export function isFlag(value: unknown): value is boolean {
  return typeof value === "boolean";
}

/** Whether it is a list of texts. */
export function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}

/** Whether it is a whole number from 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** Whether a value is of one kind. */
export type Guard = (value: unknown) => boolean;

/** The guard of an object whose fields are of these kinds; it may have others. */
export function shape<T>(fields: Readonly<Record<keyof T, Guard>>): (value: unknown) => value is T {
  const guards = Object.entries<Guard>(fields);
  return (value): value is T => isObject(value) && guards.every(([name, fits]) => fits(value[name]));
}

/** The guard of a field that may be missing. */
export function optional(fits: Guard): Guard {
  return (value) => value === undefined || fits(value);
}

export function orNull(fits: Guard): Guard {
  return (value) => value === null || fits(value);
}

export function listOf(fits: Guard): Guard {
  return (value) => Array.isArray(value) && value.every(fits);
}

export function oneOf(...known: readonly unknown[]): Guard {
  return (value) => known.includes(value);
}
