/**
 * `offboardMany()`: first each user's record names the leave, and its offboarding begins in the same commit. Then workers
 * purge, and each user that has left gets a receipt:
 *
 * 1. The commit in which it becomes offboarded holds what was erased.
 * 2. The receipt is appended, and is durable.
 * 3. Its record notes that.
 *
 * A process that dies between 2 and 3 finds the receipt in the log, by its random name, and does only 3.
 *
 * @module
 */
import { invalidOption } from "../../errors.ts";
import { isPurging } from "../../../machines/index.ts";
import { forEachRow, rowsAtOnce, type Rows } from "../bulk/for-each-row.ts";
import { throttle } from "../bulk/throttle.ts";
import type { Engine } from "../engine/engine.ts";
import {
  listUserIds,
  loadUser,
  nullIfPermanent,
  pagesOfUserIds,
  type LoadedUser,
  type UserPages,
} from "../engine/load-user.ts";
import { retryWrite } from "../engine/retry-write.ts";
import { forecast } from "../operations/forecast.ts";
import { forget } from "../operations/forget.ts";
import { readOrDamaged } from "../operations/damaged-record.ts";
import { callListener } from "../options/call-listener.ts";
import { leaveKey, leaveKeysIn, leavingIn, stateOf, sumOf, type StateCounts } from "../user/index-key.ts";
import { changeRecord } from "./change-record.ts";
import { chosenUsers } from "./chosen-users.ts";
import { enlistUser, isInLeave, isLeftOut, type Enlisting, type Leave } from "./enlist-user.ts";
import { countLeave } from "./forecast-leave.ts";
import type { LeaveProgress, LeaveSummary, OffboardManyOptions } from "./offboard-many-options.ts";
import { newerThanStore, openLog, type OpenLog } from "./open-log.ts";
import { beginRun, findRun, type NamedRun } from "./named-run.ts";
import { isWaitingPointless, unfinishedOf, unlessUnusable } from "./unfinished-users.ts";

/** Receipts appended at once. */
const pageSize = 100;
/** While no user leaves, the remaining users are examined this often, ms. */
const lookEveryMs = 60_000;
const forgetMs = 30_000;

/** A leave that acts. */
export type Acting = Leave & Omit<OffboardManyOptions, keyof Leave>;

/**
 * Offboards the users. `help` works for all users until its signal aborts.
 *
 * @throws {LifecycleError} `INVALID_OPTION`, `TAKEN_OVER`; of the store; what the log and the ids throw; the signal's reason
 */
export async function offboardMany(
  engine: Engine,
  given: Rows<string> | "all",
  leave: Acting,
  signal: AbortSignal,
  help: (signal: AbortSignal) => Promise<unknown>,
): Promise<LeaveSummary> {
  const { clock } = engine;
  const { name, count: asked } = leave;
  const patiently = patience(engine, signal);
  const since = clock.now();
  const ids = given === "all" || Array.isArray(given) ? given : await readAll(given);
  const { count, leavingBy, has: isCounted } = await patiently(() => countLeave(engine, ids, leave));
  if (count !== asked)
    throw invalidOption(
      `Cannot offboard a list: count must be the number of users that the dry run gave, got ${asked}, and they are ${count} now; nothing was done`,
    );
  // Before the receipts are opened, which takes them from the process that writes them now.
  const scope = { versions: leave.purge, types: null };
  const run = await patiently(() => beginRun(engine, "leave", name, { scope }));
  const isNew = run.record.target === null;
  const log = await openReceipts(
    run,
    () => openLog(engine, leave.receipts, { name, isNew }),
    patiently,
    async ({ chain }) => {
      // Receipts are written once the store has noted that all users are marked.
      const isOlder = chain.isClosed || (run.record.count === null && chain.receipts > 0);
      if (isOlder) await refuseWithoutReceipt(engine, ids, leave, { chain, isCounted, signal });
    },
  );
  const refuseTakenOver = (): Promise<void> => patiently(() => run.refuseTakenOver());
  const elsewhere = new Map(Object.entries(leavingBy));
  const isElsewhere = (other: string): void => void elsewhere.set(other, (elsewhere.get(other) ?? 0) + 1);
  const enlisting = { isCounted, isElsewhere, refuseTakenOver, signal };
  try {
    const pace = throttle(engine, leave.everyMs);
    const report = async (phase: LeaveProgress["phase"]): Promise<LeaveProgress> => {
      const progress = await patiently(() =>
        progressOf(engine, { name, phase, count: run.record.count ?? count, log }),
      );
      callListener(engine.settings.logger, "onProgress", leave.onProgress, progress);
      return progress;
    };
    await report("marking");
    if (leave.takeOver !== undefined) await patiently(() => endRun(engine, leave.takeOver ?? ""));
    if (run.record.count !== null) await enlistWaiting(engine, leave, enlisting);
    else {
      await forEachRow(
        chosenUsers(patientPages(engine, patiently), ids, () => {}),
        rowsAtOnce,
        signal,
        async (id) => {
          await patiently(() => enlistUser(engine, id, leave, { ...enlisting, since })).catch(unlessUnusable);
          if (pace.isDue()) await report("marking");
        },
      );
      await patiently(async () => run.note(log.chain.receipts + sumOf(await countsOf(engine, name))));
    }
    let still = { left: -1, at: clock.monotonic() };
    let lookedAt = clock.monotonic();
    const purging = async (): Promise<{ readonly left: number }> => {
      await refuseTakenOver();
      await appendReceipts(engine, leave, log, leaveKey("offboarded", name), signal);
      const { left } = await report("purging");
      if (left !== still.left) still = { left, at: clock.monotonic() };
      const stillMs = clock.monotonic() - still.at;
      if (left === 0 || stillMs < lookEveryMs || clock.monotonic() - lookedAt < lookEveryMs) return { left };
      lookedAt = clock.monotonic();
      const isPointless = await patiently(() => isWaitingPointless(engine, name, stillMs));
      return { left: isPointless ? 0 : left };
    };
    await pace.untilNoneIsLeft(purging, help, signal);
    await refuseTakenOver();
    // Users that have signed up again are in other states.
    const counts = await patiently(() => engine.store.counts());
    for (const key of Object.keys(leaveKeysIn(name, counts)))
      await appendReceipts(engine, leave, log, key, signal);
    const total = run.record.count ?? count;
    if (log.chain.receipts === total) await log.end();
    const done = await report("done");
    return {
      ...done,
      skipped: log.chain.skipped,
      lost: Math.max(0, total - done.receipts - done.left - done.failed - done.waiting),
      leavingBy: Object.fromEntries(elsewhere),
      closed: log.chain.isClosed,
      publicKey: log.publicKey,
      unfinished: await patiently(() => unfinishedOf(engine, name)),
    };
  } finally {
    await log.close();
  }
}

/** The process that runs a leave notices that another one has begun it, and ends. */
async function endRun(engine: Engine, name: string): Promise<void> {
  const found = await findRun(engine, "leave", name);
  if (found !== null) await beginRun(engine, "leave", name, { scope: found.scope });
}

/** Runs a task, and repeats it while the store is unavailable. */
type Patiently = <T>(task: () => Promise<T>) => Promise<T>;

function patience(engine: Engine, signal: AbortSignal): Patiently {
  return (task) => retryWrite(engine, signal, "offboard users", task);
}

/** The pages of users, each asked for until the store answers: a list that has failed cannot go on. */
function patientPages({ store }: Engine, patiently: Patiently): UserPages {
  return { store: { page: (asked) => patiently(() => store.page(asked)) } };
}

/** The receipts of this run. If they cannot be opened, or are not those of the leave, nothing has begun. */
async function openReceipts(
  run: NamedRun,
  open: () => Promise<OpenLog>,
  patiently: Patiently,
  check: (log: OpenLog) => Promise<void>,
): Promise<OpenLog> {
  let log: OpenLog | undefined;
  try {
    await patiently(() => run.refuseTakenOver());
    const opened = (log = await open());
    await check(opened);
    await patiently(() => run.setTarget(opened.chain.id ?? ""));
    return opened;
  } catch (error) {
    await log?.close();
    await run.giveBack();
    throw error;
  }
}

/**
 * In a restored store, users that have a receipt are active again. The next one would be the second of the same user, or
 * come behind the end.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 */
async function refuseWithoutReceipt(
  engine: Engine,
  ids: Rows<string> | "all",
  leave: Leave,
  { chain, isCounted, signal }: Pick<Enlisting, "isCounted" | "signal"> & Pick<OpenLog, "chain">,
): Promise<void> {
  const patiently = patience(engine, signal);
  for await (const id of chosenUsers(patientPages(engine, patiently), ids, () => {})) {
    const found = await patiently(() => loadUser(engine, id, readOrDamaged).catch(nullIfPermanent));
    if (found === null || !isCounted(found.user) || isLeftOut(found.user, leave)) continue;
    const { leaving } = found.user;
    if (isInLeave(found.user, leave.name) && chain.has(leaving?.receipt ?? "")) continue;
    throw newerThanStore(engine.sealer.alias(id));
  }
}

/** Reads the whole list: it is needed twice, once to count it, and an iterable may give its rows only once. */
async function readAll(rows: Rows<string>): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const id of rows) ids.push(id);
  return ids;
}

/** Those that waited for their export, or for a person. */
async function enlistWaiting(
  engine: Engine,
  leave: Leave,
  enlisting: Omit<Enlisting, "since">,
): Promise<void> {
  const patiently = patience(engine, enlisting.signal);
  const pages = patientPages(engine, patiently);
  const counts = await patiently(() => engine.store.counts());
  for (const key of Object.keys(leaveKeysIn(leave.name, counts))) {
    const state = stateOf(key);
    if (state !== null && isPurging(state)) continue;
    for await (const id of listUserIds(pages, pageSize, key))
      await patiently(() =>
        enlistUser(engine, id, leave, { ...enlisting, since: null }).catch(unlessUnusable),
      );
  }
}

/** Appends the receipts of users that have left and are under this key now, and notes that in their records. */
async function appendReceipts(
  engine: Engine,
  { name, by, forget: forgets = false }: Acting,
  log: OpenLog,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  const patiently = patience(engine, signal);
  const pages = patientPages(engine, patiently);
  for await (const ids of pagesOfUserIds(pages, pageSize, key)) {
    const load = (id: string): Promise<LoadedUser | null> => loadUser(engine, id).catch(unlessUnusable);
    const found = await patiently(() => Promise.all(ids.map(load)));
    const gone = found.flatMap((one) => {
      const leaving = one?.user.leaving;
      return leaving?.name === name && leaving.done !== null ? [{ id: one?.user.id ?? "", leaving }] : [];
    });
    // seam: a-receipt-is-kept-before-its-user-is-done
    await log.add(gone.map(({ leaving }) => leaving));
    for (const { id, leaving } of gone)
      await patiently(async () => {
        const deadline = { until: engine.clock.monotonic() + forgetMs, signal };
        const isOver =
          forgets && (await forget(engine, id, deadline, by).then(() => true, unlessUnusable)) === true;
        if (!isOver)
          await changeRecord(engine, id, { verb: "offboard a user", signal }, (user) => {
            if (user.leaving?.receipt !== leaving.receipt || user.leaving.isReceipted) return null;
            return { ...user, leaving: { ...user.leaving, isReceipted: true } };
          }).catch(unlessUnusable);
      });
  }
}

async function progressOf(
  engine: Engine,
  at: Pick<LeaveProgress, "name" | "phase" | "count"> & { readonly log: OpenLog },
): Promise<LeaveProgress> {
  const { name, phase, count, log } = at;
  const counts = await countsOf(engine, name);
  const { identifying = 0, offboarding = 0, offboarded = 0, failed = 0 } = counts;
  const left = identifying + offboarding + offboarded;
  const all = sumOf(counts);
  const { inMs } = identifying === 0 ? { inMs: 0 } : await forecast(engine, 1, "recovery", "findUser");
  const isKnown = phase === "purging" && left > 0 && inMs !== Infinity;
  return {
    name,
    phase,
    count,
    receipts: log.chain.receipts,
    left,
    failed,
    waiting: all - left - failed,
    endsAt: isKnown ? new Date(engine.clock.now() + inMs) : null,
  };
}

/** The users of a leave without a receipt, by state. */
async function countsOf({ store }: Engine, name: string): Promise<StateCounts> {
  return leavingIn(name, await store.counts());
}
