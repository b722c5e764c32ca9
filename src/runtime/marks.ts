/**
 * What is left of a user who was forgotten.
 *
 * @module
 */
import type { Json } from "../store/contract.ts";
import { isObject } from "../store/shapes.ts";

/** Stands in the place of a record. */
export const mark: Json = { forgotten: true };

/** Where stores count marks: the name of no state. */
export const shelfOfMarks = "forgotten";

/** Is it a mark? */
export function isMark(value: Json): boolean {
  return isObject(value) && value["forgotten"] === true;
}
