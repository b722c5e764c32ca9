/**
 * The methods that return pages and walks. A page that is too big is requested again with half as many resources, down to
 * one. The smaller page starts at the same
 * resource and its link leads on from its last one, so a walk neither skips nor repeats any.
 *
 * @module
 */
import { pageCall, searchCall } from "../calls.ts";
import { among, anything, check, whole, type Rules } from "../../checks.ts";
import { checkResourceId, checkType, tagPart } from "../checks.ts";
import { placeAt, type Search } from "./cursor.ts";
import type { CountOptions, PageOptions, SearchOptions } from "../fhir-call-options.ts";
import { longestLink, type PagePlace } from "./next-link.ts";
import { firstPage, type AnyPage, type Attempt, type Load, type PageSource } from "./fhir-page.ts";
import { execute, type VerbParts } from "../execute.ts";
import { longestPage, pairsOf, queryOf, type Pairs, type SearchParams, encoded } from "../query.ts";
import {
  lookingBack,
  readingEverything,
  readingEverythingOf,
  searching,
  type Operation,
} from "../operation.ts";
import { ofCall, ofWalk, readRules, repetitionOf, type Repetition } from "../repeat.ts";
import { createWalk, walkOverPages, type AnyPages, type AnyWalk } from "./fhir-walk.ts";
import { isLifecycleError, LifecycleError } from "../../errors.ts";

/** See `FhirClient`, which adds the types. */
export interface PageVerbs {
  search(resourceType: string, params?: SearchParams, options?: SearchOptions): Promise<AnyPage>;
  searchAll(resourceType: string, params?: SearchParams, options?: SearchOptions): AnyWalk;
  searchPages(resourceType: string, params?: SearchParams, options?: SearchOptions): AnyPages;
  history(resourceType: string, id?: string, options?: CountOptions): Promise<AnyPage>;
  historyAll(resourceType: string, id?: string, options?: CountOptions): AnyWalk;
  everything(patientId: string, options?: CountOptions): AnyWalk;
  everythingOf(resourceType: string, options?: CountOptions): AnyWalk;
}

const ofPage: Rules<PageOptions> = { ...readRules, cursor: anything };
const ofSearch: Rules<SearchOptions> = { ...ofPage, method: among("GET", "POST") };
const ofCount: Rules<CountOptions> = { ...ofPage, count: whole(1, longestPage) };

/** The start of a search. */
interface Begun {
  readonly source: PageSource;
  readonly start: PagePlace;
  readonly signal: AbortSignal | undefined;
}

export function pageVerbs({ place, performer }: VerbParts): PageVerbs {
  function begin(
    task: Operation,
    path: string,
    pairs: Pairs,
    usual: Repetition,
    { cursor, signal, method = "GET", ...how }: SearchOptions,
  ): Begun {
    const further = repetitionOf(how, performer.retries, usual);
    // A walk begins with a user that has a token; one that loses it on the way is waited for.
    const first = { ...further, needsToken: how.waitMs === undefined };
    const search: Search = { version: place.version, path, pairs };
    const start = cursor === undefined ? { path, query: queryOf(pairs) } : placeAt(search, cursor);
    const returnsParts = pairs.some(
      ([name, value]) => name === "_elements" || (name === "_summary" && value !== "false"),
    );
    const load: Load = async (at, signal, attempt, onText) => {
      // After a POST, the server's link may name the address that was posted to.
      const to = at.path.replace(/\/_search$/, "");
      const isPosted = method === "POST" && to === path;
      const call = isPosted ? searchCall(place, to, at.query) : pageCall(place, to, at.query);
      const { resource, page } = await execute(
        performer,
        task,
        call,
        signal,
        attempt === "first" ? first : repetitionFor(attempt, further),
        onText,
      );
      if (resource === null || page === undefined)
        throw new TypeError("Cannot read a page: the response has none"); // and would not be a success
      if (returnsParts) for (const part of [...page.matches, ...page.included]) tagPart(place.version, part);
      return { place: at, bundle: resource, content: page };
    };
    const count = pairs.find(([name]) => name === "_count")?.[1];
    const asked = count === undefined ? undefined : Number(count);
    // A search is posted for its length, too, and links repeat it.
    const longest = longestLink + (method === "POST" ? queryOf(pairs).length : 0);
    const source = { place, search, longestLink: longest, task: task.words, load: halving(load, asked) };
    return { source, start, signal };
  }

  async function one({ source, start, signal }: Begun): Promise<AnyPage> {
    return (await firstPage(source, start, signal)).page;
  }

  function all({ source, start, signal }: Begun): AnyWalk {
    return createWalk(source, start, signal, performer.ending);
  }

  function search(
    resourceType: string,
    params: SearchParams,
    usual: Repetition,
    options: SearchOptions | undefined,
  ): Begun {
    checkType("search", resourceType);
    const words = `search for ${resourceType} resources`;
    const given = pairsOf(words, params);
    const isCounted = usual !== ofWalk || given.some(([name]) => name === "_count");
    const pairs: Pairs = isCounted ? given : [["_count", String(longestPage)], ...given];
    const task = searching(resourceType, [...new Set(pairs.map(([name]) => name))]);
    const checked = check(words, options, ofSearch);
    return begin(task, `/${resourceType}`, pairs, usual, checked);
  }

  function counted(
    task: Operation,
    path: string,
    usual: Repetition,
    options: CountOptions | undefined,
  ): Begun {
    const { count, ...checked } = check(task.words, options, ofCount);
    return begin(task, path, count === undefined ? [] : [["_count", String(count)]], usual, checked);
  }

  const searchAll = (resourceType: string, params: SearchParams = {}, options?: SearchOptions): AnyWalk =>
    all(search(resourceType, params, ofWalk, options));

  function history(
    resourceType: string,
    id: string | undefined,
    usual: Repetition,
    options: CountOptions | undefined,
  ): Begun {
    checkType("read the history", resourceType);
    const task = lookingBack(resourceType, id);
    if (id !== undefined) checkResourceId(task.words, id);
    const path = `/${resourceType}${id === undefined ? "" : `/${id}`}/_history`;
    return counted(task, path, usual, options);
  }

  return {
    search: async (resourceType, params = {}, options) => one(search(resourceType, params, ofCall, options)),

    searchAll,
    searchPages: (...given) => walkOverPages(searchAll(...given)),

    history: async (resourceType, id, options) => one(history(resourceType, id, ofCall, options)),
    historyAll: (resourceType, id, options) => all(history(resourceType, id, ofWalk, options)),

    everything(patientId, options) {
      const id = checkResourceId(readingEverything.words, patientId);
      return all(counted(readingEverything, `/Patient/${id}/$everything`, ofWalk, options));
    },
    everythingOf(resourceType, options) {
      const task = readingEverythingOf(checkType("read everything", resourceType));
      return all(counted(task, `/${resourceType}/$everything`, ofWalk, options));
    },
  };
}

/** A page that is fetched ahead is requested once: its caller may never get there. */
function repetitionFor(attempt: Exclude<Attempt, "first">, repetition: Repetition): Repetition {
  if (attempt === "ahead") return { ...repetition, retries: 0 };
  return attempt === undefined ? repetition : { ...repetition, first: attempt };
}

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
function halving(load: Load, asked: number | undefined): Load {
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
