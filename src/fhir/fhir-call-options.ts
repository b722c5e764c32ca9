/**
 * The options of the calls of a FHIR client.
 *
 * @module
 */
import type { FhirResources, FhirVersion, ResourceType } from "./fhir-version.ts";
import type { SearchParams } from "./query.ts";
import type { FindBy } from "./recover-create.ts";

/** Options of every call. */
export interface FhirCallOptions {
  /** Aborts the wait. The call then rejects with the signal's reason; a write may have been executed. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of calls that read, and are therefore repeated after a failure that may pass. */
export interface FhirReadOptions extends FhirCallOptions {
  /**
   * How often the call is repeated when there was no connection, or the response was lost, cut, empty, a 5xx or a 429,
   * 0 to 100. The pauses grow, and are at least what the server asks for with `Retry-After`.
   * @default that of the client: 3, and 5 for each page of a walk
   */
  readonly retries?: number | undefined;
  /**
   * The time for all repetitions, ms: none begins later than this after the call, or `Infinity`. A user without a usable
   * token is waited for so long, too. If the server asks for a longer wait, the call fails at once with `retryAfterMs`.
   * @default 30_000; a walk waits for up to ten minutes before each repetition of a page, but 30 s for a user's first token
   */
  readonly waitMs?: number | undefined;
}

/** Options of {@link FhirClient.create}. */
export interface CreateOptions extends FhirCallOptions {
  /**
   * If the response to this one call is lost, searches for the resource by this for up to 5 s and resolves with it.
   * Without it, or if the resource is not found, the call fails with `IN_DOUBT`. It does not look before it creates: two
   * calls, or a call repeated after a crash, create two resources. For that there is `ensure()` of `lifecycle.fhir()`.
   */
  readonly findBy?: FindBy | undefined;
  /**
   * Resolve only when the resource can be read: 1upHealth shows it after a short delay (below a second). Waits up to
   * 10 s, or `withinMs`, 100 to 600 000.
   * @default false
   */
  readonly untilReadable?: boolean | { readonly withinMs: number } | undefined;
}

/** Options of {@link FhirClient.update}. */
export interface UpdateOptions extends FhirCallOptions {
  /**
   * Send `If-Match`, so that only the version in `meta.versionId` of the resource is replaced. `true` requires the
   * resource to have one.
   * @default on for `r4` if the resource has a `meta.versionId`: 1upHealth declares versioned updates for r4 only
   */
  readonly ifMatch?: boolean | undefined;
  /** 1upHealth declares PUT; a page of its guide shows POST to the resource's id. @default "PUT" */
  readonly method?: "PUT" | "POST" | undefined;
}

/** Options of calls that return pages. */
export interface PageOptions extends FhirReadOptions {
  /** Start at this page: `nextCursor` of a page, or `cursor` of a walk, of the same search. */
  readonly cursor?: string | undefined;
}

/** Options of {@link FhirClient.search} and {@link FhirClient.searchAll}. */
export interface SearchOptions extends PageOptions {
  /**
   * `POST` sends the search parameters of all pages in the body, so that names, birth dates and numbers stand in no URL,
   * which proxies and servers log.
   * @default "GET"
   */
  readonly method?: "GET" | "POST" | undefined;
}

/** Options of {@link FhirClient.history}, {@link FhirClient.historyAll}, {@link FhirClient.everything} and {@link FhirClient.everythingOf}. */
export interface CountOptions extends PageOptions {
  /** Resources per page, 1 to 100. @default 10, as at 1upHealth */
  readonly count?: number | undefined;
}

/** Options of {@link FhirClient.validate}. */
export interface ValidateOptions extends FhirReadOptions {
  /** What the resource is meant for. @default none: whether it is valid in general */
  readonly mode?: "create" | "update" | undefined;
  /** The canonical URL of a profile that it must conform to. */
  readonly profile?: string | undefined;
}

/** Options of {@link FhirClient.operation}. */
export interface OperationOptions<V extends FhirVersion> extends FhirCallOptions {
  /** Run it on this type; if omitted, on the whole server. */
  readonly resourceType?: ResourceType<V> | undefined;
  /** Run it on this resource. */
  readonly id?: string | undefined;
  /** Query parameters. */
  readonly params?: SearchParams | undefined;
  /** The body to post, e.g. a Parameters resource; without it the operation is a GET. */
  readonly body?: FhirResources[V] | undefined;
}
