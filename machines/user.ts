/**
 * What the lifecycle of a user speaks of: its states, the facts it remembers, the events that can happen.
 *
 * @module
 */

/** Leaf states, by the names people see in `inspect()`, tests and pages. */
export type UserState =
  | "created"
  | "codeIssued"
  | "tokenActive"
  | "expiring"
  | "refreshed"
  | "reauthorized"
  | "reauthorizing"
  | "locating"
  | "failed"
  | "identifying"
  | "offboarding"
  | "offboarded";

/** The call a state asks for. */
export type UserCall =
  | "createUser"
  | "issueAuthCode"
  | "findUser"
  | "exchangeCode"
  | "refreshToken"
  | "purge";

/** Why a user ended in `failed`. */
export type FailureReason =
  /** 1upHealth refused the request itself for good. */
  | "refused"
  /** Three codes in a row were refused by the token endpoint. */
  | "codesRefused"
  /** 1upHealth says in turn that the user exists and that it does not. */
  | "contradiction"
  /** 1upHealth has the user under another `app_user_id`, which another user here has: it will not be purged either. */
  | "idTaken";

/** What is known about a user. Facts only: ids, times in ms since 1970, counts. Never a secret. */
export interface UserContext {
  readonly oneupUserId: number | null;
  /** What 1upHealth said last. `false`: it calls the user inactive, whatever that means; calls are still tried. */
  readonly active: boolean | null;
  /** How the code in hand (or the last one) came to be. */
  readonly codeFrom: "creation" | "request" | null;
  readonly codeAt: number | null;
  /** Exchanges of the code in hand that brought no token. */
  readonly exchanges: number;
  /** Nobody heard how an exchange of the code in hand ended: a later refusal says no more than that it went through. */
  readonly maybeSpent: boolean;
  /** Codes in a row that brought no token, whatever the reason. */
  readonly codesSpent: number;
  /** Codes in a row that the token endpoint refused. */
  readonly codesRefused: number;
  /** The answer to a create was "already exists". */
  readonly saidExists: boolean;
  /** After that, the answer to a request for a code was "does not exist". */
  readonly saidMissing: boolean;
  /** Calls in a row, in this state, that decided nothing. */
  readonly attempt: number;
  /** When the access token stops working. */
  readonly expiresAt: number | null;
  /** When the tokens in hand were granted. */
  readonly grantedAt: number | null;
  readonly failure: { readonly in: UserState; readonly reason: FailureReason; readonly why: string } | null;
  /** FHIR versions whose data are still to be erased at 1upHealth, in that order; `null`: none. */
  readonly toPurge: readonly string[] | null;
  /** Those whose data are erased, since it was offboarded; `null`: none. */
  readonly purged: readonly string[] | null;
  /** When 1upHealth said whose data a purge would erase; `null`: it was not asked. */
  readonly identifiedAt: number | null;
  /** A rename went through at 1upHealth and not here, where another user has the new id. */
  readonly idTaken: boolean;
}

/** A user as 1upHealth describes it. */
export interface UserFacts {
  readonly oneupUserId?: number | undefined;
  readonly active?: boolean | undefined;
}

/** Everything that can happen to a user. `at` is the time it happened, in ms since 1970. */
export type UserEvent = { readonly at: number } &
  /** It is known to exist there; `user`: what is known of it. */
  (
    | { readonly type: "EXPECT_EXISTING"; readonly user?: UserFacts | undefined }
    /** The application brings the grant of a user whom it has connected before; `expiresAt`: of its access token, if it brings one. */
    | { readonly type: "ADOPTED"; readonly user: UserFacts; readonly expiresAt: number | null }
    | { readonly type: "USER_CREATED"; readonly user: UserFacts }
    | { readonly type: "USER_AUTHORIZED"; readonly user: UserFacts; readonly expiresAt: number }
    | { readonly type: "USER_EXISTS" }
    | { readonly type: "USER_MISSING" }
    /** 1upHealth lists it under the `app_user_id` that it has here. */
    | { readonly type: "USER_FOUND"; readonly user: UserFacts }
    /** 1upHealth lists it under another one; the record goes there. */
    | { readonly type: "FOUND_ELSEWHERE"; readonly user: UserFacts }
    /** The id under which 1upHealth has it is another user's here. */
    | { readonly type: "ID_TAKEN" }
    | { readonly type: "CODE_ISSUED"; readonly user: UserFacts }
    /** `askedAt`: when the exchange was decided, if that is known; the answer may have been slow. */
    | { readonly type: "CODE_REFUSED"; readonly askedAt?: number | undefined }
    | { readonly type: "TOKEN_GRANTED"; readonly expiresAt: number }
    | { readonly type: "TOKEN_REJECTED" }
    | { readonly type: "GRANT_LOST" }
    | { readonly type: "IN_DOUBT" }
    | { readonly type: "HELD" }
    | { readonly type: "REFUSED"; readonly why: string }
    | { readonly type: "DUE" }
    | { readonly type: "REAUTHORIZE" }
    | { readonly type: "RETRY" }
    /** The application lets it go, and has its data of these FHIR versions erased. */
    | { readonly type: "OFFBOARD"; readonly purge: readonly string[] }
    /** The data of the first version that is left are gone. */
    | { readonly type: "PURGED" }
    /** 1upHealth stopped in the middle; what was erased stays erased. */
    | { readonly type: "PURGE_CUT" }
    | { readonly type: "OFFBOARDED" }
    /** An offboarded user begins anew; `isNew`: nobody has ever called 1upHealth for it, or been told that it is there. */
    | { readonly type: "ONBOARD"; readonly isNew?: boolean | undefined }
  );

/** What a state's `meta` says. */
export interface UserStateMeta {
  /** The call this state asks for, if any. */
  readonly call?: UserCall;
  /** The state in words. */
  readonly says: string;
}

/** How XState writes a {@link UserState}: leaves of `authorized` are nested. */
export type UserStateValue = Exclude<UserState, AuthorizedState> | { readonly authorized: AuthorizedState };

/** The states in which a grant is in hand. */
export type AuthorizedState = "tokenActive" | "expiring" | "refreshed" | "reauthorized";

/** The states of a user who was let go, and whose data at 1upHealth are still to be erased. */
export type PurgingState = "identifying" | "offboarding";

/**
 * Is it one of {@link PurgingState}?
 *
 * @example
 * ```ts
 * import { isPurging } from "oneup-lifecycle/machines";
 *
 * console.log(isPurging("offboarding"), isPurging("offboarded")); // true false
 * ```
 */
export function isPurging(state: string): state is PurgingState {
  return state === "identifying" || state === "offboarding";
}

/**
 * A user about whom nothing is known yet.
 *
 * @example
 * ```ts
 * import { nothingKnown } from "oneup-lifecycle/machines";
 *
 * console.log(nothingKnown.oneupUserId, nothingKnown.attempt); // null 0
 * ```
 */
export const nothingKnown: UserContext = {
  oneupUserId: null,
  active: null,
  codeFrom: null,
  codeAt: null,
  exchanges: 0,
  maybeSpent: false,
  codesSpent: 0,
  codesRefused: 0,
  saidExists: false,
  saidMissing: false,
  attempt: 0,
  expiresAt: null,
  grantedAt: null,
  failure: null,
  toPurge: null,
  purged: null,
  identifiedAt: null,
  idTaken: false,
};

/**
 * The machine's state value for a leaf state's name.
 *
 * @example
 * ```ts
 * import { valueOf } from "oneup-lifecycle/machines";
 *
 * console.log(valueOf("created"), valueOf("expiring")); // created { authorized: "expiring" }
 * ```
 */
export function valueOf(state: UserState): UserStateValue {
  switch (state) {
    case "tokenActive":
    case "expiring":
    case "refreshed":
    case "reauthorized":
      return { authorized: state };
    default:
      return state;
  }
}

/**
 * The leaf state's name of a state value.
 *
 * @example
 * ```ts
 * import { leafOf } from "oneup-lifecycle/machines";
 *
 * console.log(leafOf({ authorized: "expiring" })); // expiring
 * ```
 */
export function leafOf(value: UserStateValue): UserState {
  return typeof value === "string" ? value : value.authorized;
}
