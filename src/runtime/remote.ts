/**
 * What 1upHealth itself says about users. Every page is one management call, behind the guard.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import type { SlotFate } from "../guard/guard.ts";
import type { Unanswered } from "../http/call.ts";
import { listUsersCall, readUserList } from "../http/user-management.ts";
import type { RemoteUser, UserQuery } from "../http/user-management.ts";
import type { Lane } from "../store/contract.ts";
import type { Barrier } from "./account.ts";
import { slotFate } from "./doubt.ts";
import { clientOf, laneOfCalls } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { checkList } from "./call-checks.ts";
import { checkId, checkSignal, number, only } from "./checks.ts";
import { walkOf } from "./walk.ts";
import type { Page, UserWalk } from "./walk.ts";

/** Options of {@link Remote.list}. */
export interface ListOptions {
  /** Users a page, 1 to 1000. @default 100 */
  readonly pageSize?: number;
  readonly signal?: AbortSignal;
}

/** See {@link createRemote}. */
export interface Remote {
  /**
   * Every user of the account at 1upHealth, page by page, each page one management call within the limit. It ends with
   * an empty page or one shorter than those before, or as soon as a page comes again, because the server does not page
   * as it is asked to: then `walk.complete` is false. Users who come and go meanwhile may be seen twice, or not at all.
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
   * The user with this `app_user_id`, this `oneup_user_id`, or both; `null` if there is none. One management call.
   *
   * @throws as {@link list}
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

/** Whom {@link Remote.find} looks for: one of the two, or both. */
export type FindQuery =
  | { readonly appUserId: string; readonly oneupUserId?: number | undefined }
  | { readonly appUserId?: string | undefined; readonly oneupUserId: number };

type Heard = Unanswered | ReturnType<typeof readUserList>;

/** What to ask 1upHealth, and how. */
interface Question {
  readonly query: UserQuery;
  /** Whom it goes before: it queues as users of this lane do. */
  readonly lane: Lane;
  readonly signal: AbortSignal | undefined;
}

/**
 * The users that answer the question: one management call, within the account's limit.
 * @throws as {@link Remote.list}; the signal's reason
 */
export async function askRemote(engine: Engine, question: Question): Promise<readonly RemoteUser[]> {
  return (await askForPage(engine, question)).users;
}

/** The same, as the page came. @throws as {@link askRemote} */
export async function askForPage(engine: Engine, { query, lane, signal }: Question): Promise<Page> {
  const { account, clock, guard, sender } = engine;
  const { pager } = engine.settings;
  const unexplained = query.page === undefined ? "nobody" : query.page.skip > 0 ? "end" : "refused";
  const pass = account.pass();
  const barrier = await account.enter("listUsers", pass);
  if (barrier !== null) throw shutOut(barrier, clock.now());
  const served = engine.lanes.join(); // whoever waits goes first, so somebody has to serve them
  const send = async (notAfter: number): Promise<{ slot: SlotFate; value: Heard | Barrier }> => {
    // A gate may have been shut while this call waited for its slot.
    const shut = await account.enter("listUsers", pass);
    if (shut !== null) return { slot: "givenBack", value: shut };
    const answer = await sender.send(listUsersCall(clientOf(engine), { ...query, pager }), {
      notAfter,
      signal,
    });
    const value = answer.type === "answer" ? readUserList(answer, unexplained) : answer;
    await account.heard("listUsers", value, pass);
    return { slot: slotFate(answer.type), value };
  };
  let heard: Heard | Barrier;
  try {
    heard = await guard.spend("management", () => laneOfCalls(engine, lane), send, signal);
  } finally {
    served();
    await account.leave(pass);
  }
  if ("until" in heard) throw shutOut(heard, clock.now());
  switch (heard.type) {
    case "users":
      return heard;
    case "credentialsRefused":
      throw refused("CREDENTIALS_REFUSED", "1upHealth refuses the client id and secret");
    case "forbidden":
      throw refused("FORBIDDEN", "1upHealth answered 403, often because of where the call comes from");
    case "throttled":
      throw refused("RATE_LIMITED", "1upHealth answered 429", heard.retryAfterMs ?? 60_000);
    case "refused":
      throw refused("BAD_ANSWER", `1upHealth refused the question (${heard.why})`);
    case "notSent":
    case "lost":
    case "inDoubt":
      throw refused("UNAVAILABLE", "1upHealth did not answer", 1_000);
  }
}

/** Asks 1upHealth, within the account's limit. */
export function createRemote(engine: Engine): Remote {
  const lane = "interactive";
  return {
    list(options) {
      const { pageSize = 100, signal } = checkList(options);
      return walkOf((page) => askForPage(engine, { query: { page }, lane, signal }), pageSize);
    },

    async find(query, options) {
      const asked = checkFind(query);
      const { signal } = only(findVerb, "options", options, { signal: true });
      checkSignal(findVerb, signal);
      const users = await askRemote(engine, { query: asked, lane, signal });
      // The server may ignore what it is asked for.
      const found = users.find(
        ({ appUserId, oneupUserId }) =>
          (asked.appUserId ?? appUserId) === appUserId && (asked.oneupUserId ?? oneupUserId) === oneupUserId,
      );
      return found ?? null;
    },
  };
}

const findVerb = "find a user";

function checkFind(query: FindQuery): UserQuery {
  const { appUserId, oneupUserId } = only<{
    readonly appUserId?: string | undefined;
    readonly oneupUserId?: number | undefined;
  }>(findVerb, "the query", query, { appUserId: true, oneupUserId: true });
  const numbered = oneupUserId !== undefined || appUserId === undefined;
  return {
    ...(appUserId !== undefined && { appUserId: checkId(appUserId) }),
    ...(numbered && {
      oneupUserId: number(findVerb, "oneupUserId", oneupUserId, 1, Number.MAX_SAFE_INTEGER, true),
    }),
  };
}

function shutOut({ reason, until }: Barrier, now: number): LifecycleError {
  return refused(codeOf[reason], "nothing is sent now", Math.max(1, until - now));
}

const codeOf = {
  throttled: "RATE_LIMITED",
  rateLimit: "RATE_LIMITED",
  unavailable: "UNAVAILABLE",
  credentials: "CREDENTIALS_REFUSED",
  forbidden: "FORBIDDEN",
} as const;

function refused(
  code: "CREDENTIALS_REFUSED" | "FORBIDDEN" | "RATE_LIMITED" | "BAD_ANSWER" | "UNAVAILABLE",
  why: string,
  retryAfterMs?: number,
): LifecycleError {
  return new LifecycleError(code, `Cannot list users: ${why}`, {
    retryable: retryAfterMs !== undefined,
    retryAfterMs,
  });
}
