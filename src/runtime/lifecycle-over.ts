/**
 * Implements every method of a {@link Lifecycle} on an engine.
 *
 * @module
 */
import { hasLeft } from "./user/step.ts";
import { untilAborted, withSignals } from "../abort.ts";
import { ahead, total } from "../store/lane-scheduler.ts";
import { writeAct } from "./account/account-act.ts";
import { adopt, checkGrant } from "./operations/adopt.ts";
import { waitForUser, sendEvent } from "./engine/wait-for-user.ts";
import { suspendSafeTimer, withDeadlines } from "./engine/deadline.ts";
import { createBudget } from "./operations/budget.ts";
import {
  aLane,
  acting,
  checkOffboarding,
  checkOnboarding,
  filtering,
  ofToken,
  retrying,
  ofWork,
} from "./operations/call-checks.ts";
import { checkAdopting, checkOnboardingMany, checkReconciling } from "./bulk/bulk-checks.ts";
import type { Cancellable, JoinOptions, OnboardOptions, WorkOptions } from "./options/call-options.ts";
import { checkId } from "./options/check-id.ts";
import { aFunction, check, checkValue, whole } from "../checks.ts";
import { close, closed } from "./close.ts";
import { runDetached, type Engine, type EndSignals, type Deadline } from "./engine/engine.ts";
import { fhirOf } from "./fhir/fhir-of.ts";
import { forecast } from "./operations/forecast.ts";
import { forget } from "./operations/forget.ts";
import { createHealth } from "./operations/health.ts";
import { createInternals, internals, type WithInternals } from "./internals.ts";
import { createKeyVerbs } from "./keys/key-verbs.ts";
import { createLeaveVerbs } from "./leaving/leave-verbs.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { listUsers, pageOfUsers } from "./list-users.ts";
import { observe } from "./observe.ts";
import { loadUser } from "./engine/load-user.ts";
import { adoptMany } from "./bulk/adopt-many.ts";
import { isOffboardingOver, offboard } from "./operations/offboard.ts";
import { join, onboard } from "./operations/onboard.ts";
import { onboardMany } from "./bulk/onboard-many.ts";
import { reconcile } from "./bulk/reconcile.ts";
import { createOperatorVerbs } from "./operations/operator-verbs.ts";
import { createRemote } from "./operations/remote.ts";
import { reauthorize } from "./operations/reauthorize.ts";
import { rename, type Renaming } from "./operations/rename.ts";
import { byStateNow } from "./user/index-key.ts";
import type { JoinedStatus, UserStatus } from "./user/user-status.ts";
import { createExplainVerbs } from "./operations/explain-verbs.ts";
import { createAccessTokens } from "./operations/access-tokens.ts";
import type { User } from "./user/user.ts";
import { refusal, statusOf } from "./engine/user-errors.ts";
import { createEventVerbs } from "./events/event-verbs.ts";
import { createWatchVerbs } from "./watching/watch-verbs.ts";
import { work, type WorkSummary } from "./engine/work.ts";
import type { Ended } from "../telemetry.ts";

/** A lifecycle on this engine. `close()` aborts `closing` and `closeDeadline`, whose signals the engine holds. */
export function lifecycleOver(
  engine: Engine,
  { closing, closeDeadline }: Readonly<Record<keyof EndSignals, Pick<AbortController, "signal" | "abort">>>,
): Lifecycle {
  const { clock, recorder, settings, store } = engine;
  const withDeadline = withDeadlines(clock, engine);
  const health = createHealth(engine);
  const tokens = createAccessTokens(engine, withDeadline);
  const working = new Set<Promise<unknown>>();
  let closingDone: Promise<void> | undefined;

  /** @throws {LifecycleError} `CLOSED` */
  function assertOpen(): void {
    if (closing.signal.aborted) throw closed();
  }

  const describe = (user: User): UserStatus => statusOf(engine, user);

  /** The user's status. @throws {LifecycleError} if waiting does not help, see {@link refusal} */
  function statusOrThrow(user: User): UserStatus {
    const problem = refusal(engine, user);
    if (problem !== null) throw problem;
    return describe(user);
  }

  /** The user's status, once it is usable. @throws as {@link statusOrThrow}; as {@link waitForUser} */
  async function statusOnceUsable(id: string, wait: Deadline): Promise<UserStatus> {
    return statusOrThrow(await waitForUser(engine, id, wait));
  }

  /** The status of an offboarded user, once nothing is left to erase. */
  async function statusOnceOffboarded(id: string, wait: Deadline): Promise<UserStatus> {
    const user = await waitForUser(engine, id, wait, isOffboardingOver);
    return user.position.state === "failed" ? statusOrThrow(user) : describe(user);
  }

  async function runWorker(
    verb: "work" | "resume",
    options: WorkOptions | undefined,
    slowsDownWhenIdle: boolean,
  ): Promise<WorkSummary> {
    assertOpen();
    const { signal, concurrency = 32, pollMs = 1_000 } = check(verb, options, ofWork);
    const untilIdle = verb === "resume";
    return tracked(
      withSignals(signal, closing.signal, (stop) =>
        runDetached(engine, () =>
          work(engine, {
            concurrency,
            due: true,
            stopSignal: stop,
            finishesClaimed: false,
            untilIdle,
            pollMs,
            slowsDownWhenIdle,
          }),
        ),
      ),
    );
  }

  /** Works for all users, on behalf of a call for many of them. */
  const help = (signal: AbortSignal): Promise<WorkSummary> => runWorker("work", { signal }, true);

  /** Registers a task that closing must wait for. */
  function tracked<T>(task: Promise<T>): Promise<T> {
    const done = task.finally(() => working.delete(done));
    working.add(done);
    return done;
  }

  /** Runs a long task until it ends, or until the caller or closing aborts it, even if the store does not respond. */
  async function whileOpen<T>(
    { signal }: Cancellable,
    task: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const done = tracked(withSignals(signal, closing.signal, task));
    const bounded = untilAborted(closeDeadline.signal, done);
    const whenOverdue = (late: () => void): (() => void) =>
      suspendSafeTimer(clock, 2 * settings.timeoutMs, late);
    return signal === undefined ? bounded : untilAborted(signal, bounded, whenOverdue);
  }

  async function renameUser(id: string, renaming: Renaming, wait: Deadline): Promise<UserStatus> {
    await rename(engine, id, renaming, wait);
    tokens.forget(id);
    return describe((await loadUser(engine, renaming.to)).user);
  }

  /** Waits for all tasks and runs to end. A task may have started another one just before it ended. */
  async function drain(): Promise<void> {
    const { calls, lanes, running, sender } = engine;
    do
      await Promise.allSettled([
        lanes.settled(),
        sender.settled(),
        ...working,
        ...running.values(),
        ...calls,
      ]);
    while (working.size + running.size + calls.size > 0);
  }

  function onboardOne(appUserId: string, given: JoinOptions): Promise<JoinedStatus>;
  function onboardOne(appUserId: string, given?: OnboardOptions): Promise<UserStatus>;
  async function onboardOne(appUserId: string, given?: OnboardOptions | JoinOptions): Promise<UserStatus> {
    assertOpen();
    const id = checkId(appUserId);
    const { within, ...options } = checkOnboarding(given);
    const onboarded = async (): Promise<UserStatus> => {
      if (within === undefined)
        return statusOrThrow(
          await withDeadline(options, (wait) =>
            onboard(engine, id, { ...options, onOffboarded: "restart" }, wait),
          ),
        );
      const { user, forecast } = await withDeadline(
        { ...options, waitMs: 0 },
        (wait) => join(engine, id, within, options, wait),
        settings.store.timeoutMs,
      );
      const joined: JoinedStatus = { ...describe(user), forecast };
      return joined;
    };
    if (recorder === null) return await onboarded();
    return recorder.during({ type: "onboard", user: { alias: engine.sealer.alias(id) } }, onboarded, endOf);
  }

  const lifecycle: Lifecycle & WithInternals = {
    onboard: onboardOne,

    async onboardMany(ids, given) {
      assertOpen();
      const options = checkOnboardingMany(ids, given);
      return whileOpen(options, (signal) => onboardMany({ engine, options, signal }, ids, help));
    },

    async adopt(appUserId, given, options) {
      assertOpen();
      const id = checkId(appUserId);
      const grant = checkGrant(given);
      const { by, ...waiting } = check("adopt a user", options, acting);
      return withDeadline(waiting, async (wait) => {
        await tracked(adopt(engine, id, grant, wait, { source: "byName", by }));
        return statusOnceUsable(id, wait);
      });
    },

    async adoptMany(rows, given) {
      assertOpen();
      const options = checkAdopting(rows, given);
      return whileOpen(options, (signal) => adoptMany({ engine, options, signal }, rows));
    },

    async accessToken(appUserId, options) {
      assertOpen();
      if (options !== undefined) {
        const { rejected, signal } = check("get an access token", options, ofToken);
        signal?.throwIfAborted(); // also where the token is in memory
        if (rejected !== undefined)
          return (await tokens.rejected(checkId(appUserId), rejected, options, true)).token;
      }
      return (tokens.inMemory(appUserId) ?? (await tokens.get(appUserId, options))).token;
    },

    fhir(appUserId, version, options) {
      assertOpen();
      return fhirOf({ engine, tokens }, checkId(appUserId), version, options);
    },

    async inspect(appUserId) {
      assertOpen();
      const reading = engine.account.refresh(); // gates and pauses that other processes know of
      const { user } = await loadUser(engine, checkId(appUserId));
      await reading;
      return describe(user);
    },

    users(filter) {
      assertOpen();
      return listUsers(engine, check("list users", filter, filtering));
    },

    async userPage(filter) {
      assertOpen();
      return pageOfUsers(engine, check("list users", filter, filtering));
    },

    async counts() {
      assertOpen();
      return byStateNow(await store.tally());
    },

    work: (options) => runWorker("work", options, false),
    resume: (options) => runWorker("resume", options, true),

    async reauthorize(appUserId, options) {
      assertOpen();
      const id = checkId(appUserId);
      const { by, ...waiting } = check("reauthorize", options, acting);
      return withDeadline(waiting, async (wait) => {
        tokens.forget(id);
        await reauthorize(engine, id, by, wait);
        return statusOnceUsable(id, wait);
      });
    },

    async retry(appUserId, options) {
      assertOpen();
      const id = checkId(appUserId);
      const { lane, by, ...waiting } = check("retry", options, retrying);
      return withDeadline(waiting, async (wait) => {
        await sendEvent(engine, id, { type: "RETRY", at: clock.now() }, wait, {
          verb: "retry a user",
          lane,
          by,
        });
        const { state } = (await loadUser(engine, id)).user.position;
        return hasLeft(state) ? statusOnceOffboarded(id, wait) : statusOnceUsable(id, wait);
      });
    },

    async offboard(appUserId, given) {
      assertOpen();
      const id = checkId(appUserId);
      const { versions, by, ...options } = checkOffboarding(given);
      return withDeadline(options, async (wait) => {
        tokens.forget(id);
        await tracked(offboard(engine, id, { purge: versions, by }, wait));
        return statusOnceOffboarded(id, wait);
      });
    },

    async rename(appUserId, newAppUserId, options) {
      assertOpen();
      const id = checkId(appUserId);
      const to = checkId(newAppUserId);
      const { by, ...waiting } = check("rename", options, acting);
      return withDeadline(waiting, (wait) => tracked(renameUser(id, { to, by }, wait)), settings.timeoutMs);
    },

    async forget(appUserId, options) {
      assertOpen();
      const id = checkId(appUserId);
      const { by, ...waiting } = check("forget a user", options, acting);
      await withDeadline(waiting, (wait) => tracked(forget(engine, id, wait, by)));
      tokens.forget(id);
      if (by !== undefined) await writeAct({ record: store.account, clock }, { what: "forget", by });
    },

    async reconcile(given) {
      assertOpen();
      const { repairs, ...options } = checkReconciling(given);
      return whileOpen(options, (signal) =>
        reconcile(engine, { options, repairs, signal, moved: (id) => tokens.forget(id) }),
      );
    },

    remote: createRemote(engine, assertOpen),

    subscribe(listener) {
      checkValue("subscribe", "the listener", listener, aFunction);
      return engine.changes.subscribe((user) => listener(describe(user)));
    },

    async forecast(calls = 1, lane = "interactive") {
      assertOpen();
      checkValue("forecast", "calls", calls, whole(1, 1e9));
      checkValue("forecast", "lane", lane, aLane);
      const { used, waiting, inMs } = await forecast(engine, calls, lane);
      return { used: total(used), of: engine.limits.management.calls, ahead: ahead(waiting, lane), inMs };
    },

    budget: createBudget(engine),
    health,

    ...createOperatorVerbs(engine, assertOpen, withDeadline, tracked),
    ...createExplainVerbs(engine, assertOpen),
    ...createWatchVerbs(engine, assertOpen),
    ...createEventVerbs(engine, assertOpen),
    ...createKeyVerbs(engine, assertOpen, tracked),
    ...createLeaveVerbs({ engine, tokens, assertOpen, whileOpen, help }),
    [internals]: createInternals(engine),
    alias: (appUserId) => engine.sealer.alias(checkId(appUserId)),

    close: () => (closingDone ??= close(engine, { closing, closeDeadline }, drain)),

    [Symbol.asyncDispose]: () => lifecycle.close(),
  };
  recorder?.observe(() => observe(engine, health));
  return lifecycle;
}

/** How `onboard()` ended. */
function endOf({ state, usable }: UserStatus): Ended {
  return { outcome: usable ? "usable" : "waiting", state };
}
