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
import { slotFate } from "./doubt.ts";
import { clientOf, laneOfCalls } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { checkList } from "./call-options.ts";
import { checkId, checkSignal, number, only } from "./checks.ts";

/** Options of {@link Remote.list}. */
export interface ListOptions {
  /** Users a page, 1 to 1000. @default 100 */
  readonly pageSize?: number;
  readonly signal?: AbortSignal;
}

/** See {@link createRemote}. */
export interface Remote {
  /**
   * Every user of the account at 1upHealth, page by page. Ends when a page is empty, short, or repeats the one
   * before (a server that ignores the paging parameters).
   *
   * @throws {LifecycleError} `CREDENTIALS_REFUSED`, `FORBIDDEN`, `RATE_LIMITED`, `UNAVAILABLE`, `BAD_ANSWER`
   */
  list(options?: ListOptions): AsyncGenerator<RemoteUser, void, undefined>;
  /**
   * The user with this `app_user_id` or `oneup_user_id`, or `null`.
   *
   * @throws as {@link list}
   */
  find(
    query: { readonly appUserId: string } | { readonly oneupUserId: number },
    options?: { readonly signal?: AbortSignal },
  ): Promise<RemoteUser | null>;
}

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
export async function askRemote(
  engine: Engine,
  { query, lane, signal }: Question,
): Promise<readonly RemoteUser[]> {
  const { account, clock, guard, sender } = engine;
  const pass = account.pass();
  const barrier = await account.enter("listUsers", pass);
  if (barrier !== null)
    throw refused(codeOf[barrier.reason], "nothing is sent now", barrier.until - clock.now());
  const served = engine.lanes.join(); // whoever waits goes first, so somebody has to serve them
  const send = async (notAfter: number): Promise<{ slot: SlotFate; value: Heard }> => {
    const answer = await sender.send(listUsersCall(clientOf(engine), query), { notAfter, signal });
    const value = answer.type === "answer" ? readUserList(answer) : answer;
    await account.heard("listUsers", value, pass);
    return { slot: slotFate(answer.type), value };
  };
  let heard: Heard;
  try {
    heard = await guard.spend("management", () => laneOfCalls(engine, lane), send, signal);
  } finally {
    served();
    await account.leave(pass);
  }
  switch (heard.type) {
    case "users":
      return heard.users;
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
  const ask = (query: UserQuery, signal: AbortSignal | undefined): Promise<readonly RemoteUser[]> =>
    askRemote(engine, { query, lane: "interactive", signal });

  return {
    async *list(options) {
      const { pageSize = 100, signal } = checkList(options);
      let first: number | undefined;
      for (let skip = 0; ; skip += pageSize) {
        const page = await ask({ page: { skip, limit: pageSize } }, signal);
        if (page[0] === undefined || page[0].oneupUserId === first) return;
        first = page[0].oneupUserId;
        yield* page;
        if (page.length < pageSize) return;
      }
    },

    async find(query, options) {
      const verb = "find a user";
      const { appUserId, oneupUserId } = only<{ readonly appUserId?: string; readonly oneupUserId?: number }>(
        verb,
        "the query",
        query,
        { appUserId: true, oneupUserId: true },
      );
      const { signal } = only(verb, "options", options, { signal: true });
      checkSignal(verb, signal);
      const asked: UserQuery =
        appUserId === undefined
          ? { oneupUserId: number(verb, "oneupUserId", oneupUserId, 1, Number.MAX_SAFE_INTEGER, true) }
          : { appUserId: checkId(appUserId) };
      const users = await ask(asked, signal);
      const found = users.find((user) =>
        "appUserId" in asked ? user.appUserId === asked.appUserId : user.oneupUserId === oneupUserId,
      );
      return found ?? null;
    },
  };
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
