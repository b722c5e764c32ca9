/**
 * Questions to what was read from a store: JSON that anybody may have written.
 *
 * @module
 */
import type { Json } from "./contract.ts";

/** An object, whatever is in it. */
export function isObject(value: unknown): value is Readonly<Record<string, Json>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Milliseconds since 1970 that a `Date` can hold. JSON knows infinity, as `1e999`. */
export function isTime(value: unknown): value is number {
  return typeof value === "number" && Math.abs(value) <= 8.64e15;
}

/** A whole number from 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
