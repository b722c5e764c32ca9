/**
 * What an operator does: reopens gates, changes limits, pauses the account, and holds a user.
 *
 * @module
 */
import type { Hold } from "../../store/envelope.ts";
import type { Lane } from "../../store/contract.ts";
import { readActs, writeAct, type AccountAct } from "../account/account-act.ts";
import type { AccountPause } from "../account/pauses.ts";
import type { WithDeadline } from "../engine/deadline.ts";
import type { Engine } from "../engine/engine.ts";
import { isLeased, loadUser, type LoadedUser } from "../engine/load-user.ts";
import { saveIdleStep, samePlace, type Place } from "../engine/save-user.ts";
import { isStoppable } from "../engine/stop.ts";
import { tryAgain, whenIdle } from "../engine/when-idle.ts";
import { statusOf } from "../engine/user-errors.ts";
import type { ActOptions } from "../options/call-options.ts";
import { check, checkValue, oneLine, type Rule, type Rules } from "../../checks.ts";
import { checkId } from "../options/check-id.ts";
import { checkNewLimits } from "../options/check-new-limits.ts";
import type { AccountLimits, Ceiling, NewLimits } from "../options/account-limits.ts";
import { withHistoryStep } from "../user/user.ts";
import type { UserStatus } from "../user/user-status.ts";
import { acting, aDoer, aLane } from "./call-checks.ts";

/** Options of {@link AccountVerbs.reopen}. */
export interface ReopenOptions {
  /** Who acts, in 1 to 100 characters on one line; stored in clear. @default not recorded */
  readonly by?: string | undefined;
}

/** Options of {@link AccountVerbs.pause}. */
export interface PauseOptions extends ReopenOptions {
  /** Why, in 1 to 200 characters; shown with each user that waits. No personal data: it is stored in clear. */
  readonly reason: string;
  /** Only users that wait in this lane. @default all management calls */
  readonly lane?: Lane | undefined;
  /** When it ends by itself, in each process by its own clock. @default with `unpause()` */
  readonly until?: Date | undefined;
}

/** Options of {@link AccountVerbs.unpause}. */
export interface UnpauseOptions extends ReopenOptions {
  /** Only the pause of this lane. @default all pauses */
  readonly lane?: Lane | undefined;
}

/** The 1upHealth account that all users of a lifecycle belong to. */
export interface AccountVerbs {
  /**
   * Reopens, in all processes, the gates that a refusal by 1upHealth had closed, and reads the credentials again if
   * they are a function. Call it when 1upHealth's console shows that the problem is solved. Without it, one probe
   * call is made every minute at first and every hour in the end.
   *
   * @throws {LifecycleError} `STORE_UNAVAILABLE`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.account.reopen();
   * console.log((await lifecycle.health()).shut); // []
   * ```
   */
  reopen(options?: ReopenOptions): Promise<void>;
  /**
   * What operators did to the account, oldest first, at most the last twelve: pauses, their ends, and reopened gates.
   * Makes no call.
   *
   * @throws {LifecycleError} `STORE_UNAVAILABLE`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.account.pause({ reason: "a bill is being looked into", by: "ada" });
   * await lifecycle.account.unpause({ by: "bob" });
   * for (const { at, what, by } of await lifecycle.account.history()) console.log(at, what, by); // … unpause bob
   * ```
   */
  history(): Promise<readonly AccountAct[]>;
  /**
   * The limits in force here: those in the account's record, or the stricter ones that this process is configured
   * with. Makes no call.
   *
   * @throws {LifecycleError} `STORE_UNAVAILABLE`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * const { management, token } = await lifecycle.account.limits();
   * console.log(management.calls, management.windowMs, token); // 300 3600000 null
   * ```
   */
  limits(): Promise<AccountLimits>;
  /**
   * Replaces the account's limits in its record in the store, for all processes. Processes without limits of their
   * own apply them within seconds; processes whose options set another limit keep to the stricter one until their
   * options are changed too. `null` removes the limit of an endpoint; an endpoint that is not named keeps its
   * limit.
   *
   * @throws {LifecycleError} `INVALID_OPTION`, `STORE_UNAVAILABLE`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.account.setLimits({ management: { calls: 600, windowMs: 3_600_000 } });
   * console.log((await lifecycle.forecast()).of); // 600
   * ```
   */
  setLimits(limits: NewLimits): Promise<void>;
  /**
   * Stops the management calls of all processes, or those of one lane: creating and looking up users, requesting codes,
   * renaming, lists, and purges. Users that need one keep their state and wait in their lanes, at no cost.
   *
   * Everything that keeps grants and tokens alive goes on: refreshes, `accessToken()`, FHIR, the exchange of a code
   * that was issued, and the look-up of a rename in doubt. Calls that were sent before end as usual.
   *
   * It resolves when it is durable. This process begins no such call from then on; others notice it within a second or
   * two while they work, and none sends one later than 10 s plus `timeoutMs` after it. A pause of the same scope
   * replaces an earlier one.
   *
   * @throws {LifecycleError} `INVALID_OPTION`, `STORE_UNAVAILABLE`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.account.pause({ lane: "bulk", reason: "the import is being checked" });
   * const { paused } = await lifecycle.health();
   * console.log(paused[0]?.lane, paused[0]?.reason); // bulk the import is being checked
   * await lifecycle.account.unpause();
   * ```
   */
  pause(options: PauseOptions): Promise<void>;
  /**
   * Ends all pauses of the account, or that of one lane. Waiting users continue in the order of their lanes.
   *
   * @throws {LifecycleError} `INVALID_OPTION`, `STORE_UNAVAILABLE`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.account.pause({ reason: "1upHealth is being called about a bill" });
   * await lifecycle.account.unpause();
   * console.log((await lifecycle.onboard("ada")).state); // tokenActive
   * ```
   */
  unpause(options?: UnpauseOptions): Promise<void>;
}

/** Methods for operators. */
export interface OperatorVerbs {
  /** The 1upHealth account that all users of this lifecycle belong to. */
  readonly account: AccountVerbs;
  /**
   * Stops the management calls for one user in all processes, as {@link AccountVerbs.pause} does for the account: its
   * tokens are refreshed and work meanwhile. Resolves with its status when that is durable; no process begins such a
   * call from then on. A user that waited in a lane leaves it.
   *
   * @param reason why, in 1 to 200 characters. No personal data: it is stored in clear
   * @throws {LifecycleError} `INVALID_ID`, `INVALID_OPTION`; `USER_UNKNOWN`; `RENAMED`; `RECORD_DAMAGED`;
   * `USER_NOT_READY` if `waitMs` elapses while a call for it is under way; `STORE_UNAVAILABLE`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const { hold, usable } = await lifecycle.hold("ada", "a complaint is being looked into");
   * console.log(hold?.reason, usable); // a complaint is being looked into true
   * ```
   */
  hold(appUserId: string, reason: string, options?: ActOptions): Promise<UserStatus>;
  /**
   * Lets a held user continue, at the end of its lane. Resolves with its status when that is durable; does nothing if
   * it is not held.
   *
   * @throws {LifecycleError} as {@link hold}
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * await lifecycle.hold("ada", "a complaint is being looked into");
   * console.log((await lifecycle.unhold("ada")).hold); // null
   * ```
   */
  unhold(appUserId: string, options?: ActOptions): Promise<UserStatus>;
}

const aReason: Rule = oneLine(200);

/** The methods for operators, on an engine. `assertOpen` throws if the lifecycle is closed. */
export function createOperatorVerbs(
  engine: Engine,
  assertOpen: () => void,
  withDeadline: WithDeadline,
  tracked: <T>(task: Promise<T>) => Promise<T>,
): OperatorVerbs {
  const { account, clock, limits, pauses, store } = engine;
  const aMomentToCome: Rule = {
    must: "a Date in the future",
    holds: (value) => value instanceof Date && value.getTime() > clock.now(),
  };
  const pausing: Rules<PauseOptions> = { reason: aReason, lane: aLane, until: aMomentToCome, by: aDoer };

  /**
   * The status of the user, held for this reason (`null`: let go), once no process runs it: a call under way ends first.
   * A call in doubt stays in doubt.
   *
   * @throws {LifecycleError} `USER_NOT_READY` if the deadline passes first; `STORE_UNAVAILABLE`; as {@link loadUser}; the
   * signal's reason
   */
  function setHold(
    verb: string,
    appUserId: string,
    options: ActOptions | undefined,
    reason: string | null,
  ): Promise<UserStatus> {
    const id = checkId(appUserId);
    const { by, ...waiting } = check(verb, options, acting);
    const load = (): Promise<LoadedUser> => loadUser(engine, id);
    const waitsFor = ({ record }: LoadedUser): boolean => isLeased(record);
    return withDeadline(waiting, async (deadline) => {
      const held = whenIdle(engine, id, { verb, deadline, load, waitsFor }, async ({ user, record }) => {
        if ((user.hold?.reason ?? null) === reason) return user;
        const at = clock.now();
        const hold = reason === null ? null : { reason, since: at, ...(by !== undefined && { by }) };
        const step = { at, type: hold === null ? "UNHOLD" : "HOLD" } as const;
        const next = withHistoryStep({ ...user, hold }, user.position.state, step, by ?? null);
        const done = await saveIdleStep(engine, next, placeOf({ user, record }, hold), deadline);
        return done.type === "committed" ? { ...next, revision: done.revision } : tryAgain;
      });
      return statusOf(engine, await tracked(held));
    });
  }

  return {
    account: {
      async reopen(given) {
        assertOpen();
        const { by = null } = check<ReopenOptions>("reopen the gates", given, { by: aDoer });
        await writeAct({ record: store.account, clock }, { what: "reopen", by });
        await account.reopen();
      },
      async history() {
        assertOpen();
        const found = await store.account.load();
        return found === null ? [] : readActs(found.value);
      },
      async limits() {
        assertOpen();
        await account.refresh();
        const { management, token, fhir } = limits;
        const only = ({ calls, windowMs }: Ceiling): Ceiling => ({ calls, windowMs });
        return { management: only(management), token: token && only(token), fhir: fhir && only(fhir) };
      },
      async setLimits(given) {
        assertOpen();
        await limits.set(checkNewLimits(given));
      },
      async pause(given) {
        assertOpen();
        const verb = "pause the account";
        const { reason, lane = null, until = null, by = null } = check<PauseOptions>(verb, given, pausing);
        const pause: AccountPause = {
          lane,
          reason: checkValue(verb, "reason", reason, aReason) ?? "", // a text, or it throws
          since: new Date(clock.now()),
          until,
          by,
        };
        await pauses.add(pause);
      },
      async unpause(given) {
        assertOpen();
        const rules: Rules<UnpauseOptions> = { lane: aLane, by: aDoer };
        const { lane, by = null } = check<UnpauseOptions>("unpause the account", given, rules);
        await pauses.remove(lane, by);
      },
    },
    async hold(appUserId, reason, options) {
      assertOpen();
      const verb = "hold a user";
      checkValue(verb, "the reason", reason, aReason);
      return setHold(verb, appUserId, options, reason);
    },
    async unhold(appUserId, options) {
      assertOpen();
      return setHold("unhold a user", appUserId, options, null);
    },
  };
}

/**
 * A held user is in no lane; one that is let go is due at once if it waited for that. One whose call is in doubt is due
 * as well: its process has died.
 */
function placeOf({ user, record }: LoadedUser, hold: Hold | null): Place {
  const { dueInMs, lane } = record;
  if (user.intent !== null) return { dueInMs: 0, lane: null };
  if (hold !== null && lane !== null) return { dueInMs: null, lane: null };
  // seam: a-user-that-is-let-go-is-due
  if (hold === null && dueInMs === null && lane === null && isStoppable(user.position))
    return { dueInMs: 0, lane: null };
  return samePlace(record);
}
