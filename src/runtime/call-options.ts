/**
 * Options of the calls on a running lifecycle. `call-checks.ts` holds the door for them.
 *
 * @module
 */
import type { UserState } from "../../machines/index.ts";
import type { FhirVersion } from "../fhir/versions.ts";
import type { Lane } from "../store/contract.ts";

/** Ends a wait. Work that was begun for a user goes on all the same, here or in another process. */
export interface Cancellable {
  readonly signal?: AbortSignal | undefined;
}

/** Options of calls that wait for a user. */
export interface WaitOptions extends Cancellable {
  /** How long to wait at most, ms. @default 30_000 */
  readonly waitMs?: number | undefined;
}

/** Options of {@link Lifecycle.onboard}. */
export interface OnboardOptions extends WaitOptions {
  /**
   * Is the user known to exist at 1upHealth? `existing` asks for a code at once and saves the call that would find
   * it out; being wrong costs one call, nothing else. @default "new"
   */
  readonly expect?: "new" | "existing" | undefined;
  /** In which lane it waits if no slot is free. @default "interactive" */
  readonly lane?: Lane | undefined;
}

/** Options of {@link Lifecycle.retry}. */
export interface RetryOptions extends WaitOptions {
  /** In which lane it waits if no slot is free; nobody at a screen waits for `recovery`. @default "interactive" */
  readonly lane?: Lane | undefined;
}

/** Options of {@link Lifecycle.offboard}. */
export interface OffboardOptions extends WaitOptions {
  /**
   * Erase the user's FHIR data at 1upHealth, too: of all versions (`true`), or of these. It cannot be undone. A user
   * who shares data with others takes them away.
   * @default false
   */
  readonly purge?: boolean | readonly FhirVersion[] | undefined;
}

/** Which users {@link Lifecycle.users} lists. */
export interface UserFilter {
  /** @default those in any state */
  readonly state?: UserState;
}

/** Options of {@link Lifecycle.work}. */
export interface WorkOptions extends Cancellable {
  /** How many users to work on at once, 1 to 1024. @default 32 */
  readonly concurrency?: number | undefined;
  /**
   * How long it sleeps at most between two looks at the store, ms, 10 to 3 600 000, when it knows of nothing that is
   * due sooner. What this process writes wakes it at once; what others write is seen at the next look.
   * @default 1_000
   */
  readonly lookMs?: number | undefined;
}

/** Options of {@link Lifecycle.fhir}. */
export interface FhirOptions {
  /**
   * Who calls: the user with its access token, or the client with its own id and secret in the user's name. The latter
   * works for a user whose grant is lost, too.
   * @default "user"
   */
  readonly as?: "user" | "client" | undefined;
  /** Refuse with `NOT_DECLARED` what 1upHealth does not declare, before it is sent. @default false */
  readonly strict?: boolean | undefined;
  /** Remember the digits of numbers that are read, so that an update writes `1.50` and not `1.5`. @default true */
  readonly lossless?: boolean | undefined;
}
