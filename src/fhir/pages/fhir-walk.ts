/**
 * A walk over all pages: fetches the next page while the caller works on this one, and has a cursor for resuming.
 *
 * @module
 */
import { leavable, linkSignals, onAbort } from "../../abort.ts";
import { longestBeforeAhead, lookingAhead } from "./ahead.ts";
import { cursorOf } from "./cursor.ts";
import { isLifecycleError, type LifecycleError } from "../../errors.ts";
import type { PagePlace } from "./next-link.ts";
import { firstPage, type AnyPage, type Attempt, type PageHere, type PageSource } from "./fhir-page.ts";
import type { JsonObject } from "../../http/json.ts";

/**
 * Resources one by one, or page by page. The next page is fetched while you work on this one, and none beyond it, so at
 * most two pages are in memory; after a page of more than a million characters the next is fetched when you need it. The
 * token is renewed on the way. Transient errors (429, 5xx, a lost, truncated or empty response) are retried, up to five
 * times per page unless `retries` and `waitMs` change that. A page that is too big is requested again with half as many
 * resources. After an error, or in another process, resume from the {@link FhirWalk.cursor}: no resource is skipped, and
 * at most one page is repeated.
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

/** The same page by page. */
export interface FhirPages<P = unknown> extends AsyncIterable<P> {
  /** See {@link FhirWalk.cursor}. */
  readonly cursor: string | undefined;
}

/** A walk without static types for its resources. */
export type AnyWalk = FhirWalk<JsonObject, AnyPage>;
export type AnyPages = FhirPages<AnyPage>;

/** A page that is being fetched. */
interface Loading {
  readonly page: Promise<PageHere | null>;
  /** Fetches it again after an error that may pass, if it was fetched ahead. */
  readonly again: ((error: LifecycleError) => Loading) | null;
}

/** One pass over the pages. */
interface Steps {
  /** The next page; `null` at the end. Rejects once the walk's signal has aborted, or the client's owner closes. */
  next(): Promise<AnyPage | null>;
  /** Whether it has been aborted. */
  isAborted(): boolean;
  /** The caller needs no further page. */
  stop(): void;
}

/**
 * Starts at `start`, when the first page is requested.
 *
 * @param ending aborts when the client's owner closes
 */
export function createWalk(
  source: PageSource,
  start: PagePlace,
  signal: AbortSignal | undefined,
  ending: AbortSignal,
): AnyWalk {
  let place: PagePlace | null = start;

  /** Goes through the pages. It refers to no page that it has returned, so that one can be collected early. */
  function steps(): Steps {
    let isAwaited = false;
    const pages = lookingAhead(source, () => isAwaited);
    let further: PageHere["next"] | null = place && ((signal) => firstPage(pages, place ?? start, signal));
    let loading: Loading | null = null;
    const linked = linkSignals(); // while a page is being fetched, to those of the walk

    /** Starts to fetch a page. An error waits for the caller to get there; a caller that never does is not told. */
    function load(fetch: PageHere["next"], attempt?: Attempt): Loading {
      linked.link(signal, ending);
      const page = fetch(linked.signal, attempt).finally(linked.release);
      page.catch(() => {});
      return { page, again: attempt === "ahead" ? (error) => load(fetch, error) : null };
    }

    async function arrived(): Promise<PageHere | null> {
      isAwaited = true;
      try {
        return loading && (await loading.page);
      } catch (error) {
        if (!isLifecycleError(error) || !error.retryable || !loading?.again) throw error;
        loading = loading.again(error);
        return await loading.page;
      } finally {
        isAwaited = false;
      }
    }
    function throwIfAborted(): void {
      signal?.throwIfAborted();
      ending.throwIfAborted();
    }
    return {
      isAborted: () => signal?.aborted === true || ending.aborted,
      async next() {
        throwIfAborted();
        loading ??= further && load(further);
        further = null; // after an error nothing follows
        const at = await arrived();
        loading = null;
        if (at === null) {
          place = null;
          return null;
        }
        throwIfAborted(); // although the page is there
        place = at.here;
        further = at.next;
        if (at.length <= longestBeforeAhead) loading = load(further, "ahead");
        return at.page;
      },
      stop() {
        if (loading !== null) linked.abort();
      },
    };
  }

  async function* pagesUntil(left: AbortSignal): AsyncGenerator<AnyPage, void, undefined> {
    const { next, stop } = steps();
    onAbort(left, stop);
    try {
      for (let page = await next(); page !== null; page = await next()) yield page;
    } finally {
      stop();
    }
  }

  return {
    get cursor() {
      return place === null ? undefined : cursorOf(source.search, place);
    },
    pages: () => leavable(pagesUntil),
    [Symbol.asyncIterator]: () => new Resources(steps()),
  };
}

/** The walk page by page. */
export function walkOverPages(walk: AnyWalk): AnyPages {
  return {
    get cursor() {
      return walk.cursor;
    },
    [Symbol.asyncIterator]: () => walk.pages(),
  };
}

/** The resources of pages. Those that are in memory cost one promise each. */
class Resources implements AsyncIterator<JsonObject, void> {
  readonly #steps: Steps;
  #page: readonly JsonObject[] = [];
  #index = 0;
  #isOver = false;
  /** Calls that wait for a page, in order. */
  #waiting: Promise<unknown> | null = null;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  next(): Promise<IteratorResult<JsonObject, void>> {
    if (this.#waiting === null) {
      const here = this.#take();
      if (here !== null) return Promise.resolve(here);
    }
    return this.#inTurn(() => this.#further());
  }

  /** Ends at once, and with it the calls that wait for a page. */
  return(): Promise<IteratorResult<JsonObject, void>> {
    return Promise.resolve(this.#end());
  }

  async #further(): Promise<IteratorResult<JsonObject, void>> {
    try {
      for (let here = this.#take(); ; here = this.#take()) {
        if (here !== null) return here;
        this.#page = []; // not kept while the next one comes
        const page = this.#isOver ? null : await this.#steps.next();
        if (page === null || this.#isOver) return this.#end();
        this.#page = page.resources;
        this.#index = 0;
      }
    } catch (error) {
      const isLeft = this.#isOver;
      const end = this.#end();
      if (isLeft) return end;
      throw error;
    }
  }

  #end(): IteratorReturnResult<void> {
    this.#isOver = true;
    this.#page = [];
    this.#steps.stop();
    return { done: true, value: undefined };
  }

  #take(): IteratorYieldResult<JsonObject> | null {
    const value = this.#page[this.#index];
    if (value === undefined || this.#steps.isAborted()) return null;
    this.#index++;
    return { done: false, value };
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const before = this.#waiting;
    const turn = before === null ? task() : before.then(task, task);
    this.#waiting = turn;
    const end = (): void => {
      if (this.#waiting === turn) this.#waiting = null;
    };
    turn.then(end, end);
    return turn;
  }
}
