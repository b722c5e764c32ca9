/**
 * What the object people hold does: every verb of a {@link Lifecycle}, on an engine.
 *
 * @module
 */
import { setMaxListeners } from "node:events";
import { isPurging } from "../../machines/index.ts";
import type { UserState } from "../../machines/index.ts";
import { isLifecycleError, LifecycleError } from "../errors.ts";
import { ahead, total } from "../store/shares.ts";
import { adopt, checkGrant } from "./adopt.ts";
import { arrive, tell } from "./arrive.ts";
import type { Patience } from "./arrive.ts";
import { createBudget } from "./budget.ts";
import {
  checkAdopting,
  checkFilter,
  checkOffboarding,
  checkOnboarding,
  checkOnboardingMany,
  checkReconciling,
  checkRetrying,
  checkWait,
  checkWork,
} from "./call-checks.ts";
import type { Cancellable, WaitOptions, WorkOptions } from "./call-options.ts";
import { checkId, checkLane, number } from "./checks.ts";
import type { Engine } from "./engine.ts";
import { fhirOf } from "./fhir-verb.ts";
import { forecast } from "./forecast.ts";
import { forget } from "./forget.ts";
import { health } from "./health.ts";
import { createKeyVerbs } from "./key-verbs.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { idsOn } from "./listing.ts";
import { find, load } from "./load.ts";
import { adoptMany } from "./adopt-many.ts";
import { shelfOfMarks } from "./marks.ts";
import { isGone, offboard } from "./offboard.ts";
import { onboard } from "./onboard.ts";
import { onboardMany } from "./onboard-many.ts";
import { reconcile } from "./reconcile.ts";
import { createRemote } from "./remote.ts";
import { reauthorize } from "./reauthorize.ts";
import { rename } from "./rename.ts";
import { byState, shelvesOf } from "./shelves.ts";
import type { UserStatus } from "./status.ts";
import { createExplainVerbs } from "./explain-verbs.ts";
import { createTokens } from "./tokens.ts";
import type { User } from "./user.ts";
import { refusal, statusOf } from "./verdict.ts";
import { createWatchVerbs } from "./watch-verbs.ts";
import { work } from "./worker.ts";
import type { WorkSummary } from "./worker.ts";

const defaultWaitMs = 30_000;

/** A lifecycle on this engine; it ends with `closing`, whose signal is the engine's. */
export function lifecycleOver(engine: Engine, closing: AbortController): Lifecycle {
  const { clock, settings, store } = engine;
  const tokens = createTokens(engine);
  const working = new Set<Promise<unknown>>();
  let ending: Promise<void> | undefined;

  function open(): void {
    if (closing.signal.aborted) throw closed();
  }

  function patience({ waitMs = defaultWaitMs, signal }: WaitOptions = {}): Patience {
    return {
      until: clock.monotonic() + waitMs,
      signal: signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]),
    };
  }

  const describe = (user: User): UserStatus => statusOf(engine, user);

  /** The user, unless it is gone from here meanwhile, or its record cannot be read: that hides nobody else. */
  async function readable(id: string): Promise<User | null> {
    try {
      return (await find(engine, id))?.user ?? null;
    } catch (error) {
      if (!isLifecycleError(error) || error.retryable) throw error;
      if (error.code !== "RENAMED") settings.logger.warn(`Cannot list a user: ${error.message}`);
      return null;
    }
  }

  /** Those in one state, or all. */
  async function* usersIn(state: UserState | undefined): AsyncGenerator<UserStatus, void, undefined> {
    const counts = await store.counts();
    const all = Object.keys(counts).filter((each) => each !== shelfOfMarks);
    for (const each of state === undefined ? all : shelvesOf(state, counts)) {
      for await (const id of idsOn(engine, each, pageSize)) {
        const user = await readable(id);
        if (user !== null) yield describe(user);
      }
    }
  }

  /** Where the user stands, unless only a person can help. */
  function here(user: User): UserStatus {
    const problem = refusal(engine, user);
    if (problem !== null) throw problem;
    return describe(user);
  }

  /** Waits until the user has arrived, and says so. */
  async function arrived(id: string, wait: Patience): Promise<UserStatus> {
    return here(await arrive(engine, id, wait));
  }

  /** Waits until nothing is left to erase of a user who was let go. */
  async function gone(id: string, wait: Patience): Promise<UserStatus> {
    const user = await arrive(engine, id, wait, isGone);
    return user.position.state === "failed" ? here(user) : describe(user);
  }

  async function worker(verb: "work" | "resume", options: WorkOptions | undefined): Promise<WorkSummary> {
    open();
    const { signal, concurrency = 32, lookMs = 1_000 } = checkWork(verb, options);
    const untilIdle = verb === "resume";
    const stop = signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
    return underWay(work(engine, { concurrency, due: true, stop, serves: false, untilIdle, lookMs }));
  }

  /** Closing waits for it. */
  function underWay<T>(task: Promise<T>): Promise<T> {
    const done = task.finally(() => working.delete(done));
    working.add(done);
    return done;
  }

  /** Runs long work until it ends, or the caller or closing ends it. */
  async function whileOpen<T>(
    { signal }: Cancellable,
    task: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const ends = signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
    setMaxListeners(0, ends); // every row in hand may wait
    return underWay(task(ends));
  }

  async function renamed(id: string, to: string, wait: Patience): Promise<UserStatus> {
    await rename(engine, id, to, wait);
    tokens.forget(id);
    return describe((await load(engine, to)).user);
  }

  /** Lets everything under way come to rest. Whoever was waited for may have begun something at the last moment. */
  async function end(): Promise<void> {
    closing.abort(closed());
    do await Promise.allSettled([engine.lanes.settled(), ...working, ...engine.driving.values()]);
    while (working.size + engine.driving.size > 0);
    try {
      await engine.sender.close();
    } finally {
      await store.close();
    }
  }

  const lifecycle: Lifecycle = {
    async onboard(appUserId, given) {
      open();
      const id = checkId(appUserId);
      const options = checkOnboarding(given);
      return here(await onboard(engine, id, { ...options, letGo: "anew" }, patience(options)));
    },

    async onboardMany(ids, given) {
      open();
      const options = checkOnboardingMany(ids, given);
      return whileOpen(options, (signal) =>
        onboardMany({ engine, options, signal }, ids, (helping) => worker("work", { signal: helping })),
      );
    },

    async adopt(appUserId, given, options) {
      open();
      const id = checkId(appUserId);
      const grant = checkGrant(given);
      const wait = patience(checkWait("adopt a user", options));
      await underWay(adopt(engine, id, grant, wait, "byName"));
      return arrived(id, wait);
    },

    async adoptMany(rows, given) {
      open();
      const options = checkAdopting(rows, given);
      return whileOpen(options, (signal) => adoptMany({ engine, options, signal }, rows));
    },

    async accessToken(appUserId, options) {
      open();
      if (options !== undefined) checkWait("get an access token", options);
      return tokens.get(appUserId, () => patience(options));
    },

    fhir(appUserId, version, options) {
      open();
      return fhirOf({ engine, tokens, patience }, checkId(appUserId), version, options);
    },

    async inspect(appUserId) {
      open();
      return describe((await load(engine, checkId(appUserId))).user);
    },

    users(filter) {
      open();
      return usersIn(checkFilter(filter).state);
    },

    async counts() {
      open();
      return byState(await store.counts());
    },

    work: (options) => worker("work", options),
    resume: (options) => worker("resume", options),

    async reauthorize(appUserId, options) {
      open();
      const id = checkId(appUserId);
      const wait = patience(checkWait("reauthorize", options));
      tokens.forget(id);
      await reauthorize(engine, id, wait);
      return arrived(id, wait);
    },

    async retry(appUserId, options) {
      open();
      const id = checkId(appUserId);
      const { lane, ...waiting } = checkRetrying(options);
      const wait = patience(waiting);
      await tell(engine, id, { type: "RETRY", at: clock.now() }, wait, { lane });
      const { state } = (await load(engine, id)).user.position;
      return state === "offboarded" || isPurging(state) ? gone(id, wait) : arrived(id, wait);
    },

    async offboard(appUserId, given) {
      open();
      const id = checkId(appUserId);
      const { versions, ...options } = checkOffboarding(given);
      const wait = patience(options);
      tokens.forget(id);
      await underWay(offboard(engine, id, versions, wait));
      return gone(id, wait);
    },

    async rename(appUserId, newAppUserId, options) {
      open();
      const id = checkId(appUserId);
      const to = checkId(newAppUserId);
      return underWay(renamed(id, to, patience(checkWait("rename", options))));
    },

    async forget(appUserId, options) {
      open();
      const id = checkId(appUserId);
      await underWay(forget(engine, id, patience(checkWait("forget a user", options))));
      tokens.forget(id);
    },

    async reconcile(given) {
      open();
      const { repairs, ...options } = checkReconciling(given);
      return whileOpen(options, (signal) =>
        reconcile(engine, { options, repairs, signal, moved: (id) => tokens.forget(id) }),
      );
    },

    remote: createRemote(engine),

    subscribe: (listener) => engine.changes.subscribe((user) => listener(describe(user))),

    async forecast(calls = 1, lane = "interactive") {
      open();
      number("forecast", "calls", calls, 1, 1e9, true);
      const { used, waiting, inMs } = await forecast(engine, calls, checkLane("forecast", lane));
      return { used: total(used), of: settings.limits.management.calls, ahead: ahead(waiting, lane), inMs };
    },

    budget: createBudget(engine),
    health: () => health(engine),
    account: {
      async reopen() {
        open();
        await engine.account.reopen();
      },
    },

    ...createExplainVerbs(engine, open),
    ...createWatchVerbs(engine, open),
    ...createKeyVerbs(engine, open, working),
    alias: (appUserId) => engine.sealer.alias(checkId(appUserId)),

    close: () => (ending ??= end()),

    [Symbol.asyncDispose]: () => lifecycle.close(),
  };
  return lifecycle;
}

/** Users that are listed with one question to the store. */
const pageSize = 100;

function closed(): LifecycleError {
  return new LifecycleError(
    "CLOSED",
    "Cannot go on: this lifecycle was closed; what was begun is kept and resumes elsewhere",
  );
}
