/**
 * Requests a page that is too big again with half as many resources, down to one. The smaller page starts at the same
 * resource and its link leads on from its last one, so a walk neither skips nor repeats any.
 *
 * @module
 */
import { isLifecycleError, LifecycleError } from "../../errors.ts";
import type { PagePlace } from "./next-link.ts";
import type { Load } from "./fhir-page.ts";
import { encoded } from "../query.ts";

/** Resources per page if none is requested: "default 10" (1upHealth documentation, FHIR search). */
const usualCount = 10;

/** Numbered pages start elsewhere when their size changes, so they cannot be halved. */
const pageNumber = /^_?page[-_]?(?:no|num|number|index)?$/i;

/**
 * The same, but with smaller pages if one is too big.
 *
 * @param asked resources per page that the search requests: where a link names no number, the server may use this one
 * or its default
 */
export function halving(load: Load, asked: number | undefined): Load {
  return async (place, signal, attempt, onText) => {
    for (let here = place; ;) {
      try {
        const again = here === place || attempt === "ahead" ? attempt : undefined;
        return await load(here, signal, again, onText);
      } catch (error) {
        if (!isLifecycleError(error, "ANSWER_TOO_BIG")) throw error;
        const smaller = halved(here, Math.max(asked ?? 0, usualCount));
        if (smaller === null) throw smallest(error);
        here = smaller;
      }
    }
  };
}

/** The position of a page that starts at the same place and is half as long; `null` if there is none. */
function halved({ path, query }: PagePlace, unnamed: number): PagePlace | null {
  const parts = query.split("&").filter((part) => part !== "");
  const named = parts.map((part): readonly [string, string] => [...new URLSearchParams(part)][0] ?? ["", ""]);
  if (named.some(([name]) => pageNumber.test(name))) return null;
  const given = named.find(([name]) => name === "_count")?.[1];
  const count = given === undefined ? unnamed : Number(given);
  if (!Number.isInteger(count) || count < 2) return null;
  const others = parts.filter((_, index) => named[index]?.[0] !== "_count");
  return { path, query: [...others, encoded(["_count", String(Math.floor(count / 2))])].join("&") };
}

function smallest({ message, cause, failedCall }: LifecycleError): LifecycleError {
  const why = `${message}; the page cannot be made smaller`;
  return new LifecycleError("ANSWER_TOO_BIG", why, { cause, failedCall });
}
