/**
 * Options of the calls on a running lifecycle.
 *
 * @module
 */
import type { UserState } from "../../../machines/index.ts";
import type { FhirVersion } from "../../fhir/fhir-version.ts";
import type { Lane, TransactionClient } from "../../store/contract.ts";

/**
 * Ends the wait, even while the store does not answer. Work already started for a user continues, here or in another
 * process.
 */
export interface Cancellable {
  readonly signal?: AbortSignal | undefined;
}

/** Options of calls that wait for a user. */
export interface WaitOptions extends Cancellable {
  /**
   * How long to wait at most, ms. The store has 6 s more to answer requests made before; then the call rejects with
   * `STORE_UNAVAILABLE` (retryable) and starts nothing more. `rename()` also waits for a call that it has sent, for
   * `timeoutMs` at most.
   * @default 30_000
   */
  readonly waitMs?: number | undefined;
}

/** Options of {@link Lifecycle.accessToken}. */
export interface TokenOptions extends WaitOptions {
  /**
   * The token that 1upHealth answered with 401, if you call FHIR with a client of your own: resolves with another one, by a
   * refresh or a fresh code. A token that has been replaced since is simply not returned. A user's token is replaced at
   * most once a minute; until then the call rejects with `USER_NOT_READY` and `retryAfterMs`.
   */
  readonly rejected?: string | undefined;
}

/** Options of what an operator does to one user. */
export interface ActOptions extends WaitOptions {
  /**
   * Who does it, in 1 to 100 characters on one line. Recorded with the step, in clear: `history()`, `explain()` and
   * `events()` show it. @default not recorded
   */
  readonly by?: string | undefined;
}

/** Options of {@link Lifecycle.onboard}. */
export interface OnboardOptions extends WaitOptions {
  /**
   * Whether the user is known to exist at 1upHealth. `existing` requests a code at once and saves the call that would
   * find out; a wrong value costs one call and nothing else. @default "new"
   */
  readonly expect?: "new" | "existing" | undefined;
  /** The lane in which it waits if no slot is free. @default "interactive" */
  readonly lane?: Lane | undefined;
}

/** Options of {@link Lifecycle.onboard} in a transaction of the application. */
export interface JoinOptions extends Cancellable, Pick<OnboardOptions, "expect" | "lane"> {
  /**
   * The connection that the transaction runs on: a client of `pg`, or an object with its `query(text, values)`. The store
   * must be `postgres()`, on the same database.
   */
  readonly within: TransactionClient;
  /** No call is made before the transaction is committed, so there is nothing to wait for. @default 0 */
  readonly waitMs?: 0 | undefined;
}

/** Options of {@link Lifecycle.retry}. */
export interface RetryOptions extends ActOptions {
  /** The lane in which it waits if no slot is free; use `recovery` when no person is waiting. @default "interactive" */
  readonly lane?: Lane | undefined;
}

/** Options of {@link Lifecycle.offboard}. */
export interface OffboardOptions extends ActOptions {
  /**
   * Also erase the user's FHIR data at 1upHealth: of all versions (`true`), or of these. It cannot be undone. Data that
   * the user shares with others is erased for them, too.
   * @default false
   */
  readonly purge?: boolean | readonly FhirVersion[] | undefined;
}

/** Selects the users that {@link Lifecycle.users} lists. */
export interface UserFilter {
  /**
   * Users whose status has this state at the moment of the request. A user becomes `expiring` by the clock alone, so
   * for that state all users with a grant are read.
   * @default those in any state
   */
  readonly state?: UserState | undefined;
  /**
   * The cursor: an `app_user_id`. Only users behind it in the order of the list, whether it is still there or not.
   * @default from the beginning
   */
  readonly after?: string | undefined;
  /** At most so many of the whole walk, or of a page, 1 to 1 000 000. @default all, and 100 for a page */
  readonly limit?: number | undefined;
}

/** Options of {@link Lifecycle.work}. */
export interface WorkOptions extends Cancellable {
  /** How many users to process concurrently, 1 to 1024. @default 32 */
  readonly concurrency?: number | undefined;
  /**
   * The longest sleep between two polls of the store, ms, 10 to 3 600 000, when nothing is known to be due sooner.
   * Writes of this process wake it at once; writes of others are noticed at the next poll.
   * @default 1_000
   */
  readonly pollMs?: number | undefined;
}

/** Options of {@link Lifecycle.fhir}. */
export interface FhirOptions {
  /**
   * Who authenticates: the user with its access token, or the client with its own id and secret on the user's behalf.
   * The latter also works for a user whose grant is lost.
   * @default "user"
   */
  readonly as?: "user" | "client" | undefined;
  /** Reject with `NOT_DECLARED`, before sending, what 1upHealth does not declare. @default false */
  readonly strict?: boolean | undefined;
  /** Keep the digits of numbers that are read, so that an update writes `1.50` and not `1.5`. @default true */
  readonly lossless?: boolean | undefined;
  /**
   * How often a read, a search, or a page of a walk is repeated after a failure that may pass, 0 to 100; a call can
   * ask for another number. Creates, updates and deletes are never repeated.
   * @default 3, and 5 for each page of a walk
   */
  readonly retries?: number | undefined;
  /**
   * The base of the host that exports in bulk, without the version: `https://analytics.1up.health/bulk-data`. The
   * credentials are sent to its origin too, so it has to be named here; without it there is no `bulkExport()`.
   */
  readonly analytics?: string | undefined;
}
