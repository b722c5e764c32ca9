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

/** Whether it is milliseconds since 1970 that a `Date` can hold. JSON can express infinity, as `1e999`. */
export function isTime(value: unknown): value is number {
  return typeof value === "number" && Math.abs(value) <= 8.64e15;
}

/** Whether it is a list of texts. */
export function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

/** Whether it is a whole number from 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
