/** Parses and validates the query of a FHIR call. */

import { issue } from "./operation-outcome.ts";
import type { Carried } from "../base/plan.ts";
import { wordsIn } from "../../capabilities/declared.ts";

/** Default page size. */
const pageSize = 10;

/** Maximum page size. */
const longestPage = 100;

/** Highest `_skip` that 1upHealth accepts. */
const deepestSkip = 9990;

/** The parameters that select a page, and do not filter. */
export const pagingNames: ReadonlySet<string> = new Set(["_count", "_skip", "_after", "_before"]);

/** The parameters that select what is returned of the matches and beside them, and do not filter. */
export const resultNames: ReadonlySet<string> = new Set(
  wordsIn("_elements _format _include _revinclude _sort _summary _total"),
);

/** Parses a query, or refuses it. */
export function readQuery(text: string): { readonly search: URLSearchParams } | Carried {
  if (text.includes("|")) return issue(400, "invalid", "A bar in the query must be written as %7C");
  const search = new URLSearchParams(text);
  for (const name of pagingNames) {
    const value = search.get(name);
    if (value === null || numberIn(value) !== undefined) continue;
    return issue(400, "invalid", `${name} must be a whole number`);
  }
  if (Number(search.get("_skip")) <= deepestSkip) return { search };
  return issue(400, "too-costly", `_skip must not be above ${deepestSkip}`);
}

/** The page size. */
export function sizeOf(search: URLSearchParams): number {
  return Math.min(longestPage, Math.max(1, numberOf(search, "_count") ?? pageSize));
}

/** A number that {@link readQuery} has validated. */
export function numberOf(search: URLSearchParams, name: string): number | undefined {
  const value = search.get(name);
  return value === null ? undefined : numberIn(value);
}

function numberIn(text: string): number | undefined {
  // May be negative: the cursors of a history count down.
  return /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
}
