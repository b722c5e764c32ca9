/**
 * `remote`: reads 1upHealth's own list of users. Every page is one management call, within the account's limit.
 *
 * @module
 */
import { withSignals } from "../../abort.ts";
import { because, LifecycleError, type ErrorCode } from "../../errors.ts";
import type { Refusal } from "../../http/answer.ts";
import type { Answer, Call, Unanswered } from "../../http/call.ts";
import { sizeRuleIn } from "../../http/transport.ts";
import { listUsersCall, readUserList, type RemoteUser, type UserQuery } from "../../http/user-management.ts";
import { causeOfShut } from "../engine/user-errors.ts";
import { refusalError, shutError } from "../gates/refusal-error.ts";
import { checkId } from "../options/check-id.ts";
import { aSignal, check, checkValue, invalid, only, whole, type Rules } from "../../checks.ts";
import { clientOf, type Engine } from "../engine/engine.ts";
import { queryOf, readSeen, type Sought } from "../user/search-forms.ts";
import { callWithinLimits, type LimitedCall, type Shut } from "./call-within-limits.ts";
import { walkOf, type AskPage, type Page, type UserWalk } from "./user-walk.ts";

/** Options of {@link Remote.list}. */
export interface ListOptions {
  /** Users per page, 1 to 1000. @default 100 */
  readonly pageSize?: number;
  readonly signal?: AbortSignal;
}

/** See {@link createRemote}. */
export interface Remote {
  /**
   * Every user of the account at 1upHealth, page by page; each page is one management call within the limit. It ends
   * with an empty page or one shorter than those before, or when a page comes again because the server does not page
   * as requested: `walk.complete` is then false, unless that page is longer than requested. Users that come and go
   * meanwhile may appear twice or not at all.
   *
   * @throws {LifecycleError} `CREDENTIALS_REFUSED`, `FORBIDDEN`, `RATE_LIMITED`, `UNAVAILABLE`, `BAD_ANSWER`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle, sandbox } = await createTestLifecycle();
   * sandbox.createUser("ada");
   * const users = lifecycle.remote.list();
   * for await (const { appUserId, active } of users) console.log(appUserId, active); // ada true
   * console.log(users.walk); // { users: 1, calls: 2, complete: true }
   * ```
   */
  list(options?: ListOptions): UserWalk;
  /**
   * The user with this `app_user_id`, this `oneup_user_id`, or both; `null` if there is none. One management call. If
   * 1upHealth returns only other users, it did not apply the filter: another form of the query is tried, and after
   * that the list is read, one management call per page, until the user or the end is found.
   *
   * @throws as {@link list}; also `UNAVAILABLE` if the list cannot be read to its end
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle, sandbox } = await createTestLifecycle();
   * sandbox.createUser("ada");
   * const found = await lifecycle.remote.find({ appUserId: "ada" });
   * console.log(found?.oneupUserId);
   * ```
   */
  find(query: FindQuery, options?: { readonly signal?: AbortSignal }): Promise<RemoteUser | null>;
}

/** What {@link Remote.find} looks for: one of the two, or both. */
export type FindQuery =
  | { readonly appUserId: string; readonly oneupUserId?: number | undefined }
  | { readonly appUserId?: string | undefined; readonly oneupUserId: number };

/** How to send a query. */
interface QueryOptions extends Pick<LimitedCall<Refusal>, "lane" | "signal" | "subject"> {
  /** Called when it has its slot, just before it is sent. */
  readonly onSending?: () => void;
}

/**
 * Looks up one user: one management call within the account's limit, or more if 1upHealth does not apply the filter
 * and the list must be read.
 *
 * @throws as {@link Remote.find}; the signal's reason
 */
export async function lookUp(
  engine: Engine,
  sought: Sought,
  options: QueryOptions,
): Promise<RemoteUser | null> {
  const { forms } = engine;
  const known = options.subject === undefined ? [] : [options.subject];
  for (let search = forms.first(); ;) {
    const asked = search;
    const seen = await ask(engine, queryOf(asked, sought), options, (answer) =>
      readSeen(answer, asked, sought, forms, "none", known),
    );
    forms.note(asked, seen);
    if (seen.type === "user") return seen.user;
    if (seen.type === "none") return null;
    if (seen.search === null)
      throw refused(
        "UNAVAILABLE",
        "1upHealth lists other users than the one requested, and its list cannot be read to the end",
        60_000,
      );
    search = seen.search;
  }
}

/** A page of the list, as received. @throws as {@link Remote.list}; the signal's reason */
export function askForPage(
  engine: Engine,
  page: Parameters<AskPage>[0],
  options: QueryOptions,
): Promise<Page> {
  return ask(engine, { page }, options, (answer) => readUserList(answer, page.skip > 0 ? "end" : "refused"));
}

/** One call. @throws {LifecycleError} for every outcome but the expected one; the signal's reason */
function ask<T extends { readonly type: string }>(
  engine: Engine,
  query: UserQuery,
  options: QueryOptions,
  read: (answer: Answer) => T | Refusal,
): Promise<Exclude<T, Refusal>> {
  const { pager } = engine.settings;
  const { onSending, ...how } = options;
  const describe = (): Call => {
    onSending?.();
    return listUsersCall(clientOf(engine), { ...query, pager });
  };
  const limited = { gated: "listUsers", ...how, describe, read } as const;
  return callWithinLimits<T | Refusal, Exclude<T, Refusal>>(engine, limited, (outcome) => {
    const failed = outcome as Exclude<typeof outcome, T>; // one of T is no failure, and the result is null
    const error = refusalOf(engine, failed, query.page !== undefined);
    if (error !== null) throw outcome.failedCall ? because(error, outcome.failedCall) : error;
    return outcome as Exclude<T, Refusal>; // nothing else is left
  });
}

/** The error for a failed outcome; `null` for a success. */
function refusalOf(
  engine: Engine,
  outcome: Unanswered | Refusal | Shut,
  isPage: boolean,
): LifecycleError | null {
  const { clock, closing } = engine;
  switch (outcome.type) {
    case "shut":
      return shutError(outcome, clock.now(), causeOfShut(engine, outcome), refused);
    case "credentialsRefused":
    case "blocked":
    case "throttled":
    case "refused":
    case "unexplained":
      return refusalError(outcome, refused);
    case "notSent":
    case "lost":
    case "inDoubt": {
      const size = outcome.type === "inDoubt" ? null : sizeRuleIn(outcome.cause);
      // Here it cannot be tried again; `close()` gives the signal this reason.
      if (size === null && closing.aborted) return closing.reason as LifecycleError;
      if (size === null) return refused("UNAVAILABLE", "1upHealth did not respond", 1_000);
      if (!size.isBig) return refused("BAD_ANSWER", size.rule);
      const advice = `raise maxAnswerBytes${isPage ? ", or use a smaller pageSize" : ""}`;
      return refused("ANSWER_TOO_BIG", `the response is too big: ${size.rule}; ${advice}`);
    }
    default:
      return null;
  }
}

const listing: Rules<ListOptions> = { pageSize: whole(1, 1_000), signal: aSignal };

/** Queries 1upHealth within the account's limit. `assertOpen` throws if the lifecycle is closed. */
export function createRemote(engine: Engine, assertOpen: () => void): Remote {
  const lane = "interactive";
  return {
    list(options) {
      const { pageSize = 100, signal } = check("list users", options, listing);
      return walkOf(async (page, left) => {
        assertOpen();
        return withSignals(signal, left, (signal) => askForPage(engine, page, { lane, signal }));
      }, pageSize);
    },

    async find(query, options) {
      assertOpen();
      const asked = checkFind(query);
      const { signal } = check(findVerb, options, { signal: aSignal });
      return lookUp(engine, asked, { lane, signal, subject: asked.appUserId });
    },
  };
}

const findVerb = "find a user";

function checkFind(query: FindQuery): Sought {
  const names = { appUserId: true, oneupUserId: true };
  const { appUserId, oneupUserId } = only<Sought>(findVerb, "the query", query, names);
  const numbered = oneupUserId !== undefined;
  if (!numbered && appUserId === undefined)
    throw invalid(findVerb, "the query must have an appUserId or a oneupUserId", "neither");
  return {
    ...(appUserId !== undefined && { appUserId: checkId(appUserId) }),
    ...(numbered && { oneupUserId: checkValue(findVerb, "oneupUserId", oneupUserId, whole(1)) }),
  };
}

function refused(code: ErrorCode, why: string, retryAfterMs?: number): LifecycleError {
  return new LifecycleError(code, `Cannot list users: ${why}`, {
    retryable: retryAfterMs !== undefined,
    retryAfterMs,
  });
}
