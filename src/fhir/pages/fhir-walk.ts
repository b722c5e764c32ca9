/**
 * A walk over all pages: holds one page in memory, waits out transient errors, and has a cursor for resuming.
 *
 * @module
 */
import { withSignals } from "../../abort.ts";
import { sleep, type Clock } from "../../clock.ts";
import { isLifecycleError } from "../../errors.ts";
import { cursorOf } from "./cursor.ts";
import type { PagePlace } from "./next-link.ts";
import { firstPage, type FhirPage, type Load, type PageHere, type PageSource } from "./fhir-page.ts";
import type { JsonObject } from "../../http/json.ts";

/**
 * Resources one by one, or page by page. One page is in memory at a time. The token is renewed on the way. Transient
 * errors (429, 5xx, a lost, truncated or empty response) are retried, up to five times per page. A page that is too
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

/** The most attempts per page. */
const mostTries = 6;
/** The wait before the second attempt, ms; it doubles. */
const firstWaitMs = 250;
/** A longer requested wait, ms, is thrown as an error instead. */
const longestWaitMs = 600_000;

/** The same, but transient errors are retried, unless `ending` aborts. */
export function patient(load: Load, clock: Clock, ending: AbortSignal): Load {
  return (place, signal) =>
    withSignals(signal, ending, async (signal) => {
      for (let tries = 1; ; tries++) {
        try {
          return await load(place, signal);
        } catch (error) {
          if (!isLifecycleError(error) || !error.retryable || tries === mostTries) throw error;
          const waitMs = error.retryAfterMs ?? firstWaitMs * 2 ** (tries - 1) * (0.5 + clock.random());
          if (waitMs > longestWaitMs) throw error;
          await sleep(clock, waitMs, signal);
        }
      }
    });
}
