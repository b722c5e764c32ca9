/**
 * Pages of results, each with a method that fetches the next one. The positions that a walk has visited are kept in
 * constant memory, to detect cycles.
 *
 * @module
 */
import { aSignal, check } from "../../checks.ts";
import { isLifecycleError, LifecycleError } from "../../errors.ts";
import type { JsonObject } from "../../http/json.ts";
import type { PageContent } from "./read-bundle.ts";
import type { FhirPlace } from "../calls.ts";
import { cursorOf, type Search } from "./cursor.ts";
import { Fingerprint } from "./fingerprint.ts";
import type { FhirIssue } from "../../http/fhir-issue.ts";
import { nextLink, type PagePlace } from "./next-link.ts";

/** One page of a search, a history, or of everything about a patient. `All`: any resource of the version. */
export interface FhirPage<R = unknown, All = unknown, B = unknown> {
  /** The matches. */
  readonly resources: readonly R[];
  /** Resources included by `_include` and `_revinclude`. */
  readonly included: readonly All[];
  /** The server's remarks about the search: codes and places. */
  readonly issues: readonly FhirIssue[];
  /** The total number of matches, if the server returns it. */
  readonly total: number | undefined;
  /**
   * The start of the next page, for resuming there later in any process; `undefined` on the last page. Holds no
   * secret.
   */
  readonly nextCursor: string | undefined;
  /** The Bundle as received: with scores, deletions in a history, links. */
  readonly bundle: B;
  /**
   * The next page; `null` after the last one.
   *
   * @throws {LifecycleError} `BAD_ANSWER` if the link leaves the FHIR base or repeats a page, and, retryable, after 500 empty
   * pages; as the call that returned this page
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const page = await fhir.search("Observation", { _count: 50 });
   * const second = await page.next(); // null: there is none
   * ```
   */
  next(options?: { readonly signal?: AbortSignal | undefined }): Promise<FhirPage<R, All, B> | null>;
}

/** A page without static types for its resources. */
export type AnyPage = FhirPage<JsonObject, JsonObject, JsonObject>;

/** A page with its position. */
export interface PageHere {
  readonly page: AnyPage;
  readonly here: PagePlace;
  /** Characters of its response. */
  readonly length: number;
  next(signal: AbortSignal | undefined, attempt?: Attempt): Promise<PageHere | null>;
}

/** A page as received. */
export interface Loaded {
  /**
   * Its position, which differs from the requested one if a smaller page was read instead of one that was too big.
   */
  readonly place: PagePlace;
  readonly bundle: JsonObject;
  readonly content: PageContent;
}

/**
 * How a page is fetched: as the `"first"`; `"ahead"` of its caller, who may never get there, it is requested once. An error
 * is that of the attempt ahead, after which it is requested again.
 */
export type Attempt = "first" | "ahead" | LifecycleError | undefined;

/** Fetches a page. `onText` receives its text before it is parsed; true: it has begun another call. */
export type Load = (
  place: PagePlace,
  signal: AbortSignal | undefined,
  attempt?: Attempt,
  onText?: (text: string) => boolean,
) => Promise<Loaded>;

/** The search that pages belong to. */
export interface PageSource {
  readonly place: FhirPlace;
  readonly search: Search;
  /** The longest link that is followed, in characters. */
  readonly longestLink: number;
  /** In words, after "Cannot". */
  readonly task: string;
  readonly load: Load;
}

/**
 * A walk fails after this many consecutive pages that are empty, though each link is a new one. Servers that filter after
 * paging, by consent or by security labels, have many; one that goes on for ever must not cost calls for ever.
 */
const mostEmpty = 500;
/** The same at one that holds a single resource which came before. */
const mostAgain = 10;

const ofNext = { signal: aSignal };

/** Fetches the first page, or that of a cursor. */
export function firstPage(
  source: PageSource,
  here: PagePlace,
  signal: AbortSignal | undefined,
): Promise<PageHere> {
  return pageAt(source, { here, hasPassed: createVisited(), step: 1, idle: 0 }, signal, "first");
}

/** A step of the walk. */
interface Step {
  readonly here: PagePlace;
  readonly hasPassed: Visited;
  readonly step: number;
  /** Consecutive pages before it that brought nothing new. */
  readonly idle: number;
}

async function pageAt(
  source: PageSource,
  at: Step,
  signal: AbortSignal | undefined,
  attempt?: Attempt,
): Promise<PageHere> {
  const { hasPassed, step } = at;
  const { place: here, bundle, content } = await source.load(at.here, signal, attempt);
  const isEmpty = content.mark === "";
  const cameBefore = !isEmpty && hasPassed(content.mark, step);
  const known = hasPassed(`at ${String(new Fingerprint().add(here.path).add(here.query))}`, step);
  // One that was added meanwhile moves another one on to the next page.
  const mayHaveMoved = content.matches.length + content.included.length <= 1;
  if (known || (cameBefore && !mayHaveMoved))
    throw astray(source, "a page must not come again, got one a second time");
  const idle = isEmpty || cameBefore ? at.idle + 1 : 0;
  const next = content.next === undefined ? null : followed(source, here, content.next);

  async function nextHere(signal: AbortSignal | undefined, attempt?: Attempt): Promise<PageHere | null> {
    if (next === null) return null;
    if (isLifecycleError(next)) throw next;
    if (idle >= (cameBefore ? mostAgain : mostEmpty)) {
      const rule = `pages must lead to something, got ${idle} that were empty or came before`;
      throw cameBefore ? astray(source, rule) : astray(source, `${rule}; go on from the cursor`, true);
    }
    return pageAt(source, { here: next, hasPassed, step: step + 1, idle }, signal, attempt);
  }

  const page: AnyPage = {
    resources: content.matches,
    included: content.included,
    issues: content.issues,
    total: content.total,
    get nextCursor() {
      return next === null || isLifecycleError(next) ? undefined : cursorOf(source.search, next);
    },
    bundle,
    async next(options) {
      const { signal } = check(source.task, options, ofNext);
      return (await nextHere(signal))?.page ?? null;
    },
  };
  return { page, here, length: content.length, next: nextHere };
}

/** A bad link is reported by `next()`, so that the page itself can still be used. */
function followed(
  { place, longestLink }: PageSource,
  here: PagePlace,
  link: string,
): PagePlace | LifecycleError {
  try {
    return nextLink(place, here, link, longestLink);
  } catch (error) {
    if (isLifecycleError(error)) return error;
    throw error;
  }
}

function astray({ task }: PageSource, rule: string, retryable = false): LifecycleError {
  return new LifecycleError("BAD_ANSWER", `Cannot ${task} any further: ${rule}`, { retryable });
}

/** Records that a step of the walk reaches a position. True if another step reached it before. */
export type Visited = (place: string, step: number) => boolean;

/** The number of positions remembered. */
const longest = 4_096;

/**
 * Remembers the latest positions and one older mark, which is moved to the current position whenever the number of
 * steps has doubled since: a cycle longer than the memory passes the mark sooner or later (Brent's algorithm).
 */
export function createVisited(): Visited {
  const last = new Map<string, number>();
  let mark: { readonly place: string; readonly step: number } | undefined;
  return (place, step) => {
    const earlier = last.get(place) ?? (mark?.place === place ? mark.step : undefined);
    if (earlier !== undefined) return earlier !== step;
    last.set(place, step);
    if (last.size > longest) for (const oldest of last.keys()) if (last.delete(oldest)) break;
    if (mark === undefined || step >= 2 * mark.step) mark = { place, step };
    return false;
  };
}
