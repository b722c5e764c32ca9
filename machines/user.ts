/**
 * The types of a user's lifecycle: its states, the facts it stores, and its events.
 *
 * @module
 */

import type { Machine } from "./machine.ts";

/** Leaf states, under the names shown by `inspect()`, tests and diagrams. */
export type UserState =
  | "created"
  | "codeIssued"
  | "tokenActive"
  | "expiring"
  | "refreshed"
  | "reauthorized"
  | "reauthorizing"
  | "locating"
  | "renaming"
  | "renameInDoubt"
  | "failed"
  | "identifying"
  | "offboarding"
  | "offboarded";

/** The call that a state makes. */
export type UserCall =
  | "createUser"
  | "issueAuthCode"
  | "findUser"
  | "exchangeCode"
  | "refreshToken"
  | "updateUser"
  | "purge";

/** Why a user ended in `failed`. */
export type FailureReason =
  /** 1upHealth refused the request itself for good. */
  | "refused"
  /** For a day the token endpoint has refused every code. */
  | "codesRefused"
  /** For a day 1upHealth has reported in turn that the user exists and that it does not. */
  | "contradiction"
  /** 1upHealth has the user under another `app_user_id` that another user has here; it is not purged either. */
  | "idTaken"
  /**
   * Its `oneup_user_id` and its `app_user_id` are two users of 1upHealth: responses about it have named another user
   * for a day, or an unconfirmed number is listed under another id. In `offboarding`: nothing was purged.
   */
  | "anotherUser";

/**
 * The progress of a look-up to which 1upHealth responded with other users, so that it did not apply the filter.
 * `body`: the parameters are sent in the body of the GET, as in the guide's own example. `pages`: the list is read
 * page by page.
 */
export type Search =
  | { readonly form: "body" }
  | {
      readonly form: "pages";
      /** Other users were listed before, so that an empty list would be a contradiction. */
      readonly hasOthers: boolean;
      /** Users skipped so far. */
      readonly skip: number;
      /** Entries of the longest page so far. */
      readonly longest: number;
      /** The number of the list's first user: a page that starts with it again is the first page. */
      readonly first: number | null;
      /** The number of the first user of the page before; missing in older records. */
      readonly latest?: number | null;
    };

/** Answers of one kind in a row. */
export interface Span {
  /** Since when they have come, by the clock that read `lastAt`. */
  readonly since: number;
  readonly times: number;
  /** When the last one came. Missing in a record of an older release. */
  readonly lastAt?: number | undefined;
}

/** What is known about a user. Facts only: ids, times in ms since 1970, counts. Never a secret. */
export interface UserContext {
  readonly oneupUserId: number | null;
  /**
   * Why the number is unconfirmed; `null`: 1upHealth has confirmed it, or there is none. `claimed`: only the
   * application has named it. `answered`: a response that brought a code has named it, but that code has not brought
   * a token. `doubted`: responses about the user named another number, and a person asked to continue: the user is
   * looked up by its `app_user_id`. `disputed`: it was `answered`, and then its code was refused, or the next response
   * named another number: the user is looked up by its `app_user_id`, too, and 1upHealth's list decides at once.
   */
  readonly unconfirmed: "claimed" | "answered" | "doubted" | "disputed" | null;
  /** 1upHealth has granted it a token: it exists there, also where its number was never confirmed. */
  readonly wasGranted: boolean;
  /**
   * It had a grant here, which was refused or given up, and gets another one. A grant that the application brings is
   * then presumably no newer than the one that was lost.
   */
  readonly lostGrant: boolean;
  /**
   * 1upHealth's latest value. `false`: it lists the user as inactive; the meaning is undocumented, and calls are
   * still made.
   */
  readonly active: boolean | null;
  /** How the current (or last) code was obtained. */
  readonly codeFrom: "creation" | "request" | null;
  readonly codeAt: number | null;
  /** Exchanges of the current code that brought no token. */
  readonly exchanges: number;
  /** The outcome of an exchange of the current code is unknown: a later refusal only shows that it succeeded. */
  readonly maybeSpent: boolean;
  /** Consecutive codes that brought no token, for whatever reason. */
  readonly codesSpent: number;
  /** Consecutive codes that the token endpoint refused. */
  readonly codesRefused: number;
  /** The response to a create was "already exists". */
  readonly saidExists: boolean;
  /** After that, the response to a request for a code was "does not exist". */
  readonly saidMissing: boolean;
  /** Consecutive calls in this state that were not decisive; look-ups before a purge count with the purge. */
  readonly attempt: number;
  /**
   * Since when its calls have been refused without a reason, its codes have been refused, or 1upHealth has contradicted
   * itself about it, and how often; `null`: the last call was decisive.
   * `isAnother`: one of these responses was about another user.
   */
  readonly refusals:
    | (Span & {
        readonly isAnother?: true | undefined;
        /** A purge was refused: looking up once more whose data it would erase does not end that. */
        readonly ofPurge?: true | undefined;
      })
    | null;
  /**
   * Since when look-ups have not listed a user that 1upHealth knew before, and how often; `null`: the last one did. An
   * empty list may be wrong, so the user counts as gone only after a day of them.
   */
  readonly absences: Span | null;
  /** The look-up under way; `null`: none. */
  readonly search: Search | null;
  /** When the access token expires. */
  readonly expiresAt: number | null;
  /** When the current tokens were granted. */
  readonly grantedAt: number | null;
  /** Consecutive grants that were issued for less than ten minutes. */
  readonly shortGrants: number;
  /**
   * Since when FHIR has refused the user's tokens, and how many: each of them, as far as is known, before any call with it
   * was accepted; `null`: the last one that was refused has been replaced by one that works.
   */
  readonly refusedTokens: Span | null;
  /** When 1upHealth has rejected access tokens lately: the last four times within an hour, oldest first; `null`: never. */
  readonly rejectedAt: readonly number[] | null;
  /**
   * Until when a call to the token endpoint with an unknown outcome may still arrive. If 1upHealth revokes everything
   * that came of a code or refresh token that is presented twice, that call ends a grant obtained meanwhile, so until
   * then such a grant is provisional. `null`: there is no such call.
   */
  readonly mayArriveUntil: number | null;
  readonly failure: { readonly in: UserState; readonly reason: FailureReason; readonly why: string } | null;
  /** FHIR versions whose data is still to be erased at 1upHealth, in that order; `null`: none. */
  readonly toPurge: readonly string[] | null;
  /** Versions whose data has been erased since the user was offboarded; `null`: none. */
  readonly purged: readonly string[] | null;
  /**
   * Versions of a purge that was requested and never confirmed; `null`: none. `userUnknown`: 1upHealth no longer knew
   * the user. `withdrawn`: the application offboarded it without a purge before the purge was done.
   */
  readonly unpurged: {
    readonly versions: readonly string[];
    readonly why: "userUnknown" | "withdrawn";
  } | null;
  /** When 1upHealth confirmed whose data a purge would erase; `null`: it was not asked, or must be asked again. */
  readonly identifiedAt: number | null;
  /** The rename under way: the new id, in the form that the record may hold, and the state in which it began. */
  readonly rename: { readonly to: string; readonly from: RenamableState } | null;
  /** A rename succeeded at 1upHealth but not here, where another user has the new id. */
  readonly idTaken: boolean;
}

/** `why` of a response that is about another user of 1upHealth. */
export const aboutAnother = "another_user";

/** A user as 1upHealth describes it. */
export interface UserFacts {
  readonly oneupUserId?: number | undefined;
  readonly active?: boolean | undefined;
}

/** How a token was refused. */
export interface Refused {
  /** The tokens of other users are refused, too: the grant is kept, because a fresh code would hardly help. */
  readonly isOfAll?: boolean | undefined;
  /** A client of the application was refused, which does not tell when a token is accepted. */
  readonly isReported?: boolean | undefined;
}

/** The events of a user. `at` is the time of the event, in ms since 1970. */
export type UserEvent = { readonly at: number } &
  /** It is known to exist at 1upHealth; `user`: the known facts. */
  (
    | { readonly type: "EXPECT_EXISTING"; readonly user?: UserFacts | undefined }
    /**
     * The application supplies the grant of a user that it connected before; `expiresAt`: of the access token, if
     * there is one.
     */
    | { readonly type: "ADOPTED"; readonly user: UserFacts; readonly expiresAt: number | null }
    | { readonly type: "USER_CREATED"; readonly user: UserFacts }
    | { readonly type: "USER_AUTHORIZED"; readonly user: UserFacts; readonly expiresAt: number }
    | { readonly type: "USER_EXISTS" }
    | { readonly type: "USER_MISSING" }
    /** 1upHealth lists it under the `app_user_id` that it has here. */
    | { readonly type: "USER_FOUND"; readonly user: UserFacts }
    /** 1upHealth lists it under another `app_user_id`, to which the record moves. */
    | { readonly type: "FOUND_ELSEWHERE"; readonly user: UserFacts }
    /** The application gives it another id; `to`: in the form that the record may hold. */
    | { readonly type: "RENAME"; readonly to: string }
    | { readonly type: "USER_RENAMED" }
    /** Another user here has the id under which 1upHealth has it. */
    | { readonly type: "ID_TAKEN" }
    /** 1upHealth lists its number under the `app_user_id` that it has here. */
    | { readonly type: "NUMBER_CONFIRMED" }
    /** Its number was in doubt, and 1upHealth lists its `app_user_id` with this one. */
    | { readonly type: "NUMBER_CORRECTED"; readonly user: UserFacts }
    /** 1upHealth lists its unconfirmed number under another `app_user_id`. */
    | { readonly type: "NUMBER_REFUTED"; readonly why: string }
    | { readonly type: "CODE_ISSUED"; readonly user: UserFacts }
    /** `askedAt`: when the exchange was decided, if known; the response may have been slow. */
    | { readonly type: "CODE_REFUSED"; readonly askedAt?: number | undefined }
    | { readonly type: "TOKEN_GRANTED"; readonly expiresAt: number }
    /** FHIR refuses its token, which is replaced. */
    | ({ readonly type: "TOKEN_REJECTED" } & Refused)
    /** FHIR refuses its token, which is too young to be replaced. */
    | ({ readonly type: "TOKEN_REFUSED" } & Refused)
    /** FHIR has accepted its token, after others were refused. */
    | { readonly type: "TOKEN_ACCEPTED" }
    | { readonly type: "GRANT_LOST" }
    /** `mayArriveUntil`: for a call to the token endpoint. */
    | { readonly type: "IN_DOUBT"; readonly mayArriveUntil?: number | undefined }
    /** Its call is made again later: it was not sent, it was refused for now (a 429, a firewall), or its endpoint is down. */
    | { readonly type: "POSTPONED"; readonly mayArriveUntil?: number | undefined }
    | { readonly type: "REFUSED"; readonly why: string }
    /**
     * A 4xx without a reason, or a response about another user: it may not be 1upHealth's own, and may be temporary.
     */
    | { readonly type: "REFUSED_WITHOUT_REASON"; readonly why: string }
    /** 1upHealth listed other users; `search`: how the look-up continues, `null`: it starts over. */
    | { readonly type: "FOUND_OTHERS"; readonly search: Search | null }
    | { readonly type: "DUE" }
    | { readonly type: "REAUTHORIZE" }
    | { readonly type: "RETRY" }
    /** The application offboards it and has its data in these FHIR versions erased. */
    | { readonly type: "OFFBOARD"; readonly purge: readonly string[] }
    /** The data in the first remaining version is erased. */
    | { readonly type: "PURGED" }
    /** 1upHealth stopped before the end; what it has erased stays erased. */
    | { readonly type: "PURGE_CUT" }
    | { readonly type: "OFFBOARDED" }
    /**
     * An offboarded user starts over; `isNew`: no call was ever made for it, and it is not known to exist at
     * 1upHealth.
     */
    | { readonly type: "ONBOARD"; readonly isNew?: boolean | undefined }
  );

/** The `meta` of a state. */
export interface UserStateMeta {
  /** The call that this state makes, if any. */
  readonly call?: UserCall;
  /** The state in words. */
  readonly description: string;
}

/** A {@link UserState} as XState writes it: the states within `authorized` are nested. */
export type UserStateValue = Exclude<UserState, AuthorizedState> | { readonly authorized: AuthorizedState };

/** The machine's public type, written out so that documentation tools need not infer it. */
export type UserLifecycle = Machine<UserContext, UserEvent, UserStateValue, UserStateMeta>;

/** The states with a grant. */
export type AuthorizedState = "tokenActive" | "expiring" | "refreshed" | "reauthorized";

/** The states in which a user may be renamed. */
export type RenamableState = AuthorizedState | "reauthorizing" | "failed" | "offboarded";

/** The states of a user whose rename has not ended. */
export type RenamingState = "renaming" | "renameInDoubt";

/** The states of an offboarded user whose data at 1upHealth is still to be erased. */
export type PurgingState = "identifying" | "offboarding";

/**
 * Whether it is one of {@link PurgingState}.
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
 * A user about which nothing is known yet.
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
  unconfirmed: null,
  wasGranted: false,
  lostGrant: false,
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
  refusals: null,
  absences: null,
  search: null,
  expiresAt: null,
  grantedAt: null,
  shortGrants: 0,
  refusedTokens: null,
  rejectedAt: null,
  mayArriveUntil: null,
  failure: null,
  toPurge: null,
  purged: null,
  unpurged: null,
  identifiedAt: null,
  rename: null,
  idTaken: false,
};

/**
 * The machine's state value for the name of a leaf state.
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
 * The name of the leaf state for a state value.
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

/** Returns the changed facts. Fields of the event are used where it has them. */
export type Change = (context: UserContext, event: UserEvent) => Partial<UserContext>;

/** Whether a transition may be taken. */
export type Condition = (context: UserContext, event: UserEvent) => boolean;
