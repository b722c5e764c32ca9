/**
 * Runs the users that are due or were granted a slot. It knows no states: the store selects the users, and `runUser()`
 * runs them.
 *
 * @module
 */
import { linkSignals, type LinkedSignal } from "../../abort.ts";
import { endsWithin, sleep } from "../../clock.ts";
import { inWords, isLifecycleError } from "../../errors.ts";
import type { Batch, Claimed, Lease } from "../../store/contract.ts";
import { isClosedStore, isLostStore } from "../../store/lost-store.ts";
import { quarantine } from "../../store/quarantine.ts";
import { runUser } from "./run-user.ts";
import { runDetached, newLease, type Engine, type LaneService } from "./engine.ts";
import { untilGivenUp } from "./deadline.ts";
import { doubling, pollIntervalMs, type Backoff } from "../options/backoff.ts";
import { errorField } from "../options/logger.ts";
import { warnOfRetry } from "./retry-write.ts";
import { applyDueNow } from "../user/token-time.ts";
import { readUser, type User } from "../user/user.ts";
import type { UserState } from "../../../machines/index.ts";

/** The user after its wait. A token that lives for a moment is renewed once it is asked for, not while the user is idle. */
function afterWait(engine: Engine, user: User): User {
  const isIdle = user.pause?.reason === "shortTokens" && engine.settings.policy !== "eager";
  return isIdle ? user : applyDueNow(engine, user);
}

/** What a worker has done. */
export interface WorkSummary {
  /** How often a user was taken. */
  readonly taken: number;
  /** How often a user became idle, by its state then. */
  readonly rested: Readonly<Partial<Record<UserState, number>>>;
}

interface Job {
  readonly concurrency: number;
  /** Also run due users, not only those in lanes. */
  readonly due: boolean;
  readonly stopSignal: AbortSignal;
  /** Users claimed before `stopSignal` aborts still make their call, so that they do not lose their turn in the lane. */
  readonly finishesClaimed: boolean;
  /** Ends when there is no work left to do now. */
  readonly untilIdle: boolean;
  /** It sleeps for at most 1 to 1.5 times this between two polls, because other processes' writes do not wake it, ms. */
  readonly pollMs: number;
  /** It polls less often the longer it finds no work. */
  readonly slowsDownWhenIdle: boolean;
}

/** The wait before a store that did not answer is asked again. */
const afterSilence: Backoff = { firstMs: 1_000, longestMs: 5_000 };

/** The longest extra delay of a process at a shut gate before it takes due users, ms. */
const hesitationMs = 1_000;

const noUsers: Batch = { claimed: [], nextInMs: null };

/** Works until `stopSignal` aborts (or no work is left), then waits for the users it runs, see {@link drain}. */
export async function work(engine: Engine, job: Job): Promise<WorkSummary> {
  const active = new Set<Promise<void>>();
  const rested: Partial<Record<UserState, number>> = {};
  let taken = 0;

  async function runClaimed(claimed: Claimed, lease: Lease, isOver?: () => boolean): Promise<void> {
    let isReadable = false;
    try {
      if (!engine.sealer.knows(claimed.record.value)) await engine.keys.renew();
      const user = readUser(claimed.record, engine.sealer);
      isReadable = true;
      const result = await runUser(engine, afterWait(engine, user), {
        by: "claimed",
        lease,
        slot: claimed.slot,
        ...(isOver !== undefined && { isOver }),
        ...(!job.finishesClaimed && { stopSignal: job.stopSignal }),
      });
      if (result.type === "rested") {
        const { state } = result.user.position;
        rested[state] = (rested[state] ?? 0) + 1;
      }
    } catch (error) {
      // No call will be made, so its slot is refunded for others.
      if (!isReadable && claimed.slot !== null)
        await engine.store.slots.giveBack(claimed.slot).catch(() => {});
      const alias = engine.sealer.alias(claimed.record.id);
      engine.settings.logger.warn(
        { user: alias, error: errorField(error) },
        `Cannot work on user ${alias}: ${inWords(error)}`,
      );
      if (!isReadable && isLifecycleError(error, "RECORD_DAMAGED"))
        await quarantine(engine.store, claimed.record, lease);
    }
  }

  function startRuns(claimed: readonly Claimed[], lease: Lease, isOver?: () => boolean): number {
    for (const each of claimed) {
      const run: Promise<void> = runClaimed(each, lease, isOver).finally(() => {
        active.delete(run);
        // There is capacity again, or nothing left to wait for.
        if (job.untilIdle || active.size === job.concurrency - 1) engine.changes.wakeWorkers();
      });
      active.add(run);
    }
    taken += claimed.length;
    return claimed.length;
  }

  /**
   * How many users may be taken for such a call: none at a shut gate, one to probe it, and none while the keys do not
   * allow saving.
   */
  function allowed(call: "any" | "createUser", room: number): number {
    if (engine.keys.trouble !== null) return 0;
    const places = { open: room, probe: Math.min(1, room), shut: 0 };
    return places[engine.account.admission(call)];
  }

  /** Takes up to `room` users; returns whether there may be more now, and if not, when. */
  async function claimUsers(room: number) {
    const { account, store, guard, pauses } = engine;
    await account.recheck("any"); // sees what other processes have reported
    const lease = newLease(engine);
    // At a shut gate the store is not asked, because it would report users that are due now.
    const dues = job.due ? allowed("any", room) : 0;
    const due = dues > 0 ? await store.claim({ limit: dues, lease }) : noUsers;
    const started = startRuns(due.claimed, lease);
    const isOver = guard.deadline();
    const max = allowed("createUser", room - started);
    const ask = { limit: guard.limits.management, max, holdMs: guard.holdMs, lease };
    const granted = max > 0 ? await store.grant(ask) : noUsers;
    startRuns(granted.claimed, lease, isOver);
    if (dues === 0 && max <= 0) await engine.refuseMoved(); // no write has shown it
    // The store does not know when a gate opens, or a pause ends.
    const shut = [job.due ? account.opensInMs("any") : 0, account.opensInMs("createUser"), pauses.endsInMs];
    const later = shut.filter((ms) => ms > 0);
    return {
      /** The store returned as many users as requested, so there may be more. */
      more: (dues > 0 && due.claimed.length === dues) || (max > 0 && granted.claimed.length === max),
      /** Otherwise: when there is work again, in ms. */
      nextInMs: Math.min(due.nextInMs ?? Infinity, granted.nextInMs ?? Infinity, ...later),
      /** Users wait in lanes. */
      lanes: granted.nextInMs !== null,
    };
  }

  let failures = 0;
  /** Why the store could not be asked, as it was logged last. */
  let logged: string | null = null;
  let storeHasAnswered = false;
  let takenBefore = 0;
  let idleSince = engine.clock.monotonic();
  while (!job.stopSignal.aborted) {
    const { latest } = engine.changes;
    let lanes = false;
    const room = job.concurrency - active.size;
    if (taken > takenBefore) [takenBefore, idleSince] = [taken, engine.clock.monotonic()];
    const idleMs = job.slowsDownWhenIdle ? engine.clock.monotonic() - idleSince : 0;
    let waitMs = pollIntervalMs(idleMs, job.pollMs) * (1 + engine.clock.random() / 2);
    if (room > 0) {
      try {
        const found = await untilGivenUp(engine.clock, job.stopSignal, claimUsers(room));
        if (failures > 0) {
          engine.settings.logger.info({}, "The store answers again");
          // Without work to do nothing is written, which would show that the store works; and its next failure would be none.
          await untilGivenUp(engine.clock, job.stopSignal, engine.writability.check()).catch(() => {});
        }
        [failures, logged] = [0, null];
        storeHasAnswered = true;
        if (found.more) continue;
        lanes = found.lanes;
        const old = engine.outbox.trimIfDue({ isShort: job.untilIdle });
        if (old !== null) await old;
        if (job.untilIdle && active.size === 0) break;
        // A process that may only probe a gate, for example with a refused secret, lets processes with open gates go
        // first.
        const { isQuiet, isDoubted } = engine.account;
        const hesitatesMs = isQuiet && !isDoubted ? 0 : hesitationMs * engine.clock.random();
        waitMs = Math.min(waitMs, Math.max(1, found.nextInMs) + hesitatesMs);
      } catch (error) {
        // A store that worked before may be repaired while the worker runs: a schema is restored, a role regains its
        // privileges.
        const isAway = storeHasAnswered && !job.untilIdle && isOfStore(error) && !isLostStore(error);
        if (job.stopSignal.aborted && error === job.stopSignal.reason) break; // users that the store returns later are released at once
        if (!isLifecycleError(error) || !(error.retryable || isAway)) throw error;
        const ms = doubling(afterSilence, ++failures);
        if (error.message !== logged)
          warnOfRetry(engine, error, ms, `Cannot ask the store for work: ${error.message}`);
        logged = error.message;
        await sleep(engine.clock, ms, job.stopSignal).catch(() => {}); // the loop condition checks the abort
        continue;
      }
    }
    await engine.changes.ofWork(latest, waitMs, lanes, job.stopSignal);
  }
  await drain(engine, active);
  return { taken, rested };
}

function isOfStore(error: unknown): boolean {
  return isLifecycleError(error, "STORE_UNAVAILABLE") || isLifecycleError(error, "STORE_UNUSABLE");
}

/**
 * Waits for the running users for the duration of a call and the exchange of its code. Only an unavailable store takes
 * longer, and a stopping worker need not wait for it. The outcomes are saved once the store is back, unless the
 * lifecycle closes first; then the intent is in the record, and the next process continues from there.
 */
async function drain({ clock, settings }: Engine, active: ReadonlySet<Promise<void>>): Promise<void> {
  if (active.size === 0) return;
  if (!(await endsWithin(clock, 2 * settings.timeoutMs, Promise.allSettled(active))))
    settings.logger.warn(
      { users: active.size },
      `Cannot wait any longer for ${active.size} users who could not be saved: the store is away`,
    );
}

/** Concurrency of the worker that serves waiting callers. */
const laneConcurrency = 16;
/** The poll interval of that worker, ms: these callers are interactive. */
const lanePollMs = 1_000;

/** Serves the lanes until `stopSignal` aborts, despite errors: there may be no other worker for the waiting callers. */
async function serve(engine: Engine, stopSignal: AbortSignal): Promise<void> {
  const job = {
    concurrency: laneConcurrency,
    pollMs: lanePollMs,
    due: false,
    finishesClaimed: true,
    untilIdle: false,
    slowsDownWhenIdle: true,
  };
  for (let failures = 1; !stopSignal.aborted; failures++) {
    try {
      await work(engine, { ...job, stopSignal });
    } catch (error) {
      if (isClosedStore(error)) return; // the callers get the same error
      const ms = doubling(afterSilence, failures);
      warnOfRetry(engine, error, ms, `Cannot serve waiting users: ${inWords(error)}`);
      await sleep(engine.clock, ms, stopSignal).catch(() => {}); // the loop condition checks the abort
    }
  }
}

/** How long the lanes are served for a caller that has no time to wait, ms. */
const serveAWhileMs = 30_000;

/**
 * A single loop serves the lanes while any caller waits. It takes users in the order of the lanes, so every waiting
 * user gets its turn.
 */
export function laneService(engine: () => Engine): LaneService {
  let waiting = 0;
  let linked: LinkedSignal | null = null;
  let serving: Promise<unknown> = Promise.resolve();
  let isServingAWhile = false;

  function join(): () => void {
    waiting++;
    if (linked === null) {
      linked = linkSignals(engine().closing);
      const { signal } = linked;
      const served = runDetached(engine(), () => serve(engine(), signal));
      serving = Promise.all([serving, served]).then(() => undefined);
    }
    return () => {
      if (--waiting > 0) return;
      linked?.abort();
      linked = null;
    };
  }

  return {
    settled: async () => void (await serving),
    join,
    serveAWhile() {
      if (isServingAWhile) return;
      isServingAWhile = true;
      const leave = join();
      const { clock, closing } = engine();
      const end = (): void => {
        isServingAWhile = false;
        leave();
      };
      sleep(clock, serveAWhileMs, closing).then(end, end);
    },
  };
}
