/**
 * A walk over all pages: one page in memory, troubles on the way waited out, a cursor to go on from.
 *
 * @module
 */
import { sleep, type Clock } from "../clock.ts";
import { isLifecycleError } from "../errors.ts";
import { cursorOf } from "./cursor.ts";
import type { PagePlace } from "./link.ts";
import { firstPage, type FhirPage, type Load, type PageHere, type PageSource } from "./page.ts";
import type { JsonObject } from "../http/json.ts";

/**
 * Resources one by one, or page by page. One page is in memory at a time. The token is renewed on the way; what may pass
 * (429, 5xx, a lost answer) is waited out, up to five times a page. After an error, or in another process, go on from the
 * {@link FhirWalk.cursor}: no resource is skipped, and at most one page is seen twice.
 *
 * The loop can be left and entered again: it goes on with the page on which it stood.
 */
export interface FhirWalk<R = unknown, P = unknown> extends AsyncIterable<R> {
  /**
   * Where the page begins whose resources are being given out, as a short text without secrets; `undefined` when
   * everything was seen.
   */
  readonly cursor: string | undefined;
  /**
   * Page by page, with what came along by `_include`.
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

/** A walk that nobody has put a type on. */
export type AnyWalk = FhirWalk<JsonObject, FhirPage<JsonObject, JsonObject, JsonObject>>;

/** Begins at `start`, when somebody asks. */
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

/** How often a page is asked for. */
const mostTries = 6;
/** The wait before the second try, ms; it doubles. */
const firstWaitMs = 250;
/** Who is told to wait longer than this gets the error instead, ms. */
const longestWaitMs = 600_000;

/** The same, but what may pass is waited out. */
export function patient(load: Load, clock: Clock): Load {
  return async (place, signal) => {
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
  };
}
