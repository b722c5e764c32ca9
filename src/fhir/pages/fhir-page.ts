/**
 * Pages, one after the other: each knows the way to the next one.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { isLifecycleError, LifecycleError } from "../errors.ts";
import type { JsonObject } from "../http/json.ts";
import type { PageContent } from "./bundle.ts";
import type { FhirPlace } from "./calls.ts";
import { cursorOf, type Search } from "./cursor.ts";
import type { FhirIssue } from "./issues.ts";
import { follow, type PagePlace } from "./link.ts";
import { createTrail, type Trail } from "./trail.ts";

/** One page of a search, a history, or of everything about a patient. `All`: any resource of the version. */
export interface FhirPage<R = unknown, All = unknown, B = unknown> {
  /** What was searched for. */
  readonly resources: readonly R[];
  /** What came with it, by `_include` and `_revinclude`. */
  readonly included: readonly All[];
  /** What the server remarks about the search: codes and places. */
  readonly issues: readonly FhirIssue[];
  /** How many there are in all, if the server says. */
  readonly total: number | undefined;
  /** Where the next page begins, to go on there later, in any process; `undefined` on the last page. No secret. */
  readonly nextCursor: string | undefined;
  /** The page as it came: scores, deletions in a history, links. */
  readonly bundle: B;
  /**
   * The next page; `null` after the last one.
   *
   * @throws {LifecycleError} `BAD_ANSWER` if the link leads anywhere but on, or in circles; as the call that gave this page
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

/** A page that nobody has put a type on. */
export type AnyPage = FhirPage<JsonObject, JsonObject, JsonObject>;

/** A page with its own place. */
export interface PageHere {
  readonly page: AnyPage;
  readonly here: PagePlace;
  next(signal: AbortSignal | undefined): Promise<PageHere | null>;
}

/** Fetches a page. */
export type Load = (
  place: PagePlace,
  signal: AbortSignal | undefined,
) => Promise<{ readonly bundle: JsonObject; readonly content: PageContent }>;

/** What pages belong to. */
export interface PageSource {
  readonly place: FhirPlace;
  readonly search: Search;
  /** In words, after "Cannot". */
  readonly task: string;
  readonly load: Load;
}

/** After so many pages with nothing on them, all of which lead on, a walk ends. */
const mostEmpty = 10;

/** Fetches the first page, or that of a cursor. */
export function firstPage(
  source: PageSource,
  here: PagePlace,
  signal: AbortSignal | undefined,
): Promise<PageHere> {
  return pageAt(source, { here, trail: createTrail(), step: 1, empty: 0 }, signal);
}

/** A step of the walk. */
interface Step {
  readonly here: PagePlace;
  readonly trail: Trail;
  readonly step: number;
  /** Empty pages right before it. */
  readonly empty: number;
}

async function pageAt(source: PageSource, at: Step, signal: AbortSignal | undefined): Promise<PageHere> {
  const { here, trail, step } = at;
  const { bundle, content } = await source.load(here, signal);
  const places = [`${here.path}?${here.query}`, ...(content.marks === "" ? [] : [content.marks])];
  const seen = places.map((place) => trail.passed(short(place), step));
  if (seen.includes(true)) throw astray(source, "a page must not come again, got one a second time");
  const empty = content.marks === "" ? at.empty + 1 : 0;
  const next = content.next === undefined ? null : followed(source, here, content.next);

  async function nextHere(signal: AbortSignal | undefined): Promise<PageHere | null> {
    if (next === null) return null;
    if (isLifecycleError(next)) throw next;
    if (empty >= mostEmpty) throw astray(source, `pages must lead to something, got ${empty} empty ones`);
    return pageAt(source, { here: next, trail, step: step + 1, empty }, signal);
  }

  const page: AnyPage = {
    resources: content.matches,
    included: content.included,
    issues: content.issues,
    total: content.total,
    nextCursor: next === null || isLifecycleError(next) ? undefined : cursorOf(source.search, next),
    bundle,
    async next(options) {
      return (await nextHere(options?.signal))?.page ?? null;
    },
  };
  return { page, here, next: nextHere };
}

/** A page is worth something even if its link is not. */
function followed({ place }: PageSource, here: PagePlace, link: string): PagePlace | LifecycleError {
  try {
    return follow(place, here, link);
  } catch (error) {
    if (isLifecycleError(error)) return error;
    throw error;
  }
}

/** Places and pages are kept by a hash: queries and ids are long, and nobody else's business. */
function short(place: string): string {
  return createHash("sha256").update(place).digest("base64url").slice(0, 16);
}

function astray({ task }: PageSource, rule: string): LifecycleError {
  return new LifecycleError("BAD_ANSWER", `Cannot ${task} any further: ${rule}`);
}
