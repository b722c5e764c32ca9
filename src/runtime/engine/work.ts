/**
 * Drives whoever is due or was granted a slot. Nothing here knows a user's state: the store says who, `drive` how.
 *
 * @module
 */
import { sleep } from "../clock.ts";
import { inWords, isLifecycleError } from "../errors.ts";
import type { Batch, Claimed, Lease, StoredRecord } from "../store/contract.ts";
import { setAside, stateWith } from "../store/set-aside.ts";
import { drive } from "./drive.ts";
import { newLease } from "./engine.ts";
import { doubling } from "./pauses.ts";
import type { Growth } from "./pauses.ts";
import type { Engine, LaneService } from "./engine.ts";
import { shelfOf } from "./shelves.ts";
import { awake } from "./status.ts";
import { readInClear, readUser } from "./user.ts";
import type { UserState } from "../../machines/index.ts";

/** What a worker did. */
export interface WorkSummary {
  /** How often a user was taken up. */
  readonly taken: number;
  /** How often one came to rest, by the state in which it did. */
  readonly rested: Readonly<Partial<Record<UserState, number>>>;
}

interface Job {
  readonly concurrency: number;
  /** Due users as well, or waiting lanes only. */
  readonly due: boolean;
  readonly stop: AbortSignal;
  /** Whoever was taken up by then is served all the same: a place in the lane that was reached is not lost. */
  readonly serves: boolean;
  /** Ends when nothing is left that could be done now. */
  readonly untilIdle: boolean;
  /** It sleeps at most once to one and a half times as long: other processes' writes do not wake it, ms. */
  readonly lookMs: number;
}

/** Before a store that did not answer is asked again. */
const afterSilence: Growth = { firstMs: 1_000, longestMs: 5_000 };

/** What there is to do. */
interface Fetched {
  /** As many were there as were asked for, so there may be more. */
  readonly more: boolean;
  /** Otherwise: in how many ms. */
  readonly nextInMs: number;
  /** Users wait in lanes. */
  readonly lanes: boolean;
}

/** A process before a shut gate comes so much later at most to those who are due, ms. */
const hesitationMs = 1_000;

const nobody: Batch = { claimed: [], nextInMs: null };

/** Works until `stop` aborts (or nothing is left), then lets every user it works on come to rest. */
export async function work(engine: Engine, job: Job): Promise<WorkSummary> {
  const active = new Set<Promise<void>>();
  const rested: Partial<Record<UserState, number>> = {};
  let taken = 0;
  let isSearching = false;

  async function take(claimed: Claimed, lease: Lease, notAfter: number): Promise<void> {
    let read = false;
    try {
      if (!engine.sealer.knows(claimed.record.value)) await engine.keys.renew();
      const user = readUser(claimed.record, engine.sealer);
      read = true;
      const driven = await drive(engine, awake(user, engine.settings.windowMs, engine.clock.now()), {
        by: "claimed",
        lease,
        slot: claimed.slot,
        notAfter,
        ...(!job.serves && { stop: job.stop }),
      });
      if (driven.type === "rested") {
        const { state } = driven.user.position;
        rested[state] = (rested[state] ?? 0) + 1;
      }
    } catch (error) {
      // No call will come of it, so its slot is for others.
      if (!read && claimed.slot !== null) await engine.store.slots.giveBack(claimed.slot).catch(() => {});
      engine.settings.logger.warn(
        `Cannot work on user ${engine.sealer.alias(claimed.record.id)}: ${inWords(error)}`,
      );
      if (!read && isLifecycleError(error, "RECORD_DAMAGED")) {
        await aside(claimed.record, lease).catch(() => {}); // its lease ends by itself
      }
    }
  }

  /** Whoever cannot be put aside now is met again when its lease ends. */
  async function aside(record: StoredRecord, lease: Lease): Promise<void> {
    let state = shelfInClear(engine, record);
    if (state === null && !isSearching) {
      isSearching = true; // one at a time: it goes through everybody
      state = await stateWith(engine.store, record.id, () => job.stop.aborted).finally(
        () => (isSearching = false),
      );
    }
    if (state !== null) await setAside(engine.store, record, lease, state);
  }

  function start(claimed: readonly Claimed[], lease: Lease, notAfter: number): number {
    for (const each of claimed) {
      const under: Promise<void> = take(each, lease, notAfter).finally(() => {
        active.delete(under);
        // There is room again, or nothing left to wait for.
        if (job.untilIdle || active.size === job.concurrency - 1) engine.changes.wakeWorkers();
      });
      active.add(under);
    }
    taken += claimed.length;
    return claimed.length;
  }

  /** So many users may be taken for such a call: none at a shut gate, one to try it. None that could not be saved. */
  function allowed(call: "any" | "createUser", room: number): number {
    if (engine.keys.trouble !== null) return 0;
    switch (engine.account.standing(call)) {
      case "open":
        return room;
      case "try":
        return Math.min(1, room);
      case "shut":
        return 0;
    }
  }

  /** Takes up to `room` users; says whether there may be more now, and if not, when. */
  async function fetch(room: number): Promise<Fetched> {
    const { account, store, guard } = engine;
    await account.stands("any"); // looks at what other processes heard
    const lease = newLease(engine);
    // At a shut gate the store is not asked, for it would say that somebody is due now.
    const dues = job.due ? allowed("any", room) : 0;
    const due = dues > 0 ? await store.claim({ limit: dues, lease }) : nobody;
    const started = start(due.claimed, lease, 0);
    const { notAfter } = guard.ask("management", "interactive");
    const max = allowed("createUser", room - started);
    const ask = { limit: guard.limits.management, max, holdMs: guard.holdMs, lease };
    const granted = max > 0 ? await store.grant(ask) : nobody;
    start(granted.claimed, lease, notAfter);
    return {
      more: (dues > 0 && due.claimed.length === dues) || (max > 0 && granted.claimed.length === max),
      nextInMs: Math.min(due.nextInMs ?? Infinity, granted.nextInMs ?? Infinity),
      lanes: granted.nextInMs !== null,
    };
  }

  let silences = 0;
  while (!job.stop.aborted) {
    const { heard } = engine.changes;
    let lanes = false;
    const room = job.concurrency - active.size;
    let waitMs = job.lookMs * (1 + engine.clock.random() / 2);
    if (room > 0) {
      try {
        const found = await fetch(room);
        silences = 0;
        if (found.more) continue;
        lanes = found.lanes;
        if (job.untilIdle && active.size === 0) break;
        // Whoever may only try a gate, with a secret that was refused, say, lets those go first who need not.
        const { isQuiet, isDoubted } = engine.account;
        const hesitatesMs = isQuiet && !isDoubted ? 0 : hesitationMs * engine.clock.random();
        waitMs = Math.min(waitMs, Math.max(1, found.nextInMs) + hesitatesMs);
      } catch (error) {
        if (!isLifecycleError(error) || !error.retryable) throw error;
        engine.settings.logger.warn(`Cannot ask the store for work: ${error.message}; trying again`);
        await sleep(engine.clock, doubling(afterSilence, ++silences), job.stop).catch(() => {}); // the loop's condition sees the abort
        continue;
      }
    }
    await engine.changes.ofWork(heard, waitMs, lanes, job.stop);
  }
  await Promise.all(active);
  return { taken, rested };
}

/** Where a record says that its user is counted; `null` if it does not read at all. */
function shelfInClear({ sealer }: Engine, record: StoredRecord): string | null {
  try {
    return shelfOf(readInClear(record, sealer).user);
  } catch (error) {
    if (isLifecycleError(error, "RECORD_DAMAGED")) return null;
    throw error;
  }
}

/** At most this many users at once are served on behalf of those who wait here. */
const laneConcurrency = 16;
/** They are people at a screen: their worker looks this often, ms. */
const laneLookMs = 1_000;

/** Serves the lanes until `stop` aborts, whatever comes in between: whoever waits here has nobody else, perhaps. */
async function serve(engine: Engine, stop: AbortSignal): Promise<void> {
  const job = {
    concurrency: laneConcurrency,
    lookMs: laneLookMs,
    due: false,
    serves: true,
    untilIdle: false,
  };
  for (let failures = 1; !stop.aborted; failures++) {
    try {
      await work(engine, { ...job, stop });
    } catch (error) {
      engine.settings.logger.warn(`Cannot serve waiting users: ${inWords(error)}; trying again`);
      await sleep(engine.clock, doubling(afterSilence, failures), stop).catch(() => {}); // the loop's condition sees the abort
    }
  }
}

/** One loop serves the lanes while anybody waits; it works for whoever is first, so everybody's turn comes. */
export function laneService(engine: () => Engine): LaneService {
  let waiting = 0;
  let stop: AbortController | null = null;
  let serving: Promise<unknown> = Promise.resolve();
  return {
    settled: async () => void (await serving),
    join() {
      waiting++;
      if (stop === null) {
        const own = new AbortController();
        stop = own;
        const served = serve(engine(), AbortSignal.any([own.signal, engine().closing]));
        serving = Promise.all([serving, served]).then(() => undefined);
      }
      return () => {
        if (--waiting > 0) return;
        stop?.abort();
        stop = null;
      };
    },
  };
}
