/**
 * A walk over all pages: holds one page in memory, and has a cursor for resuming.
 *
 * @module
 */
import { cursorOf } from "./cursor.ts";
import type { PagePlace } from "./next-link.ts";
import { firstPage, type FhirPage, type PageHere, type PageSource } from "./fhir-page.ts";
import type { JsonObject } from "../../http/json.ts";

/**
 * Resources one by one, or page by page. One page is in memory at a time. The token is renewed on the way. Transient
 * errors (429, 5xx, a lost, truncated or empty response) are retried, up to five times per page unless
 * `retries` and `waitMs` say otherwise. A page that is too
 * big is requested again with half as many resources. After an error, or in another process, resume from the
 * {@link FhirWalk.cursor}: no resource is skipped, and at most one page is repeated.
 *
 * The loop can be left and entered again: it resumes with the page at which it stopped.
 */
export interface FhirWalk<R = unknown, P = unknown> extends AsyncIterable<R> {
  /**
   * The start of the current page as a short text without secrets; `undefined` when all pages have been read.
   */
  readonly cursor: string | undefined;
  /**
   * Page by page, including the resources added by `_include`.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * for await (const page of fhir.searchAll("Observation").pages()) console.log(page.resources.length);
   * ```
   */
  pages(): AsyncGenerator<P, void, undefined>;
}

/** A walk without static types for its resources. */
export type AnyWalk = FhirWalk<JsonObject, FhirPage<JsonObject, JsonObject, JsonObject>>;

/** Starts at `start`, when the first page is requested. */
export function createWalk(source: PageSource, start: PagePlace, signal: AbortSignal | undefined): AnyWalk {
  let place: PagePlace | null = start;

  async function* pages(): AsyncGenerator<PageHere["page"], void, undefined> {
    if (place === null) return;
    for (
      let at: PageHere | null = await firstPage(source, place, signal);
      at !== null;
      at = await at.next(signal)
    ) {
      place = at.here;
      yield at.page;
    }
    place = null;
  }

  return {
    get cursor() {
      return place === null ? undefined : cursorOf(source.search, place);
    },
    pages,
    async *[Symbol.asyncIterator]() {
      for await (const { resources } of pages()) yield* resources;
    },
  };
}
