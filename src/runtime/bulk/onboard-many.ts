/**
 * Onboards a list: every user is stored first and then waits in the store for a slot, where a million waiting users
 * cost nothing. No other state is needed: when the same import is started again, each user's record shows that it was
 * added, and the store counts the users that are not usable yet.
 *
 * @module
 */
import type { Loaded } from "../../store/contract.ts";
import { total } from "../../store/lane-scheduler.ts";
import { gatesBefore } from "../../guard/gates.ts";
import { checkId } from "../options/check-id.ts";
import { checkValue } from "../../checks.ts";
import type { Engine } from "../engine/engine.ts";
import { anExpectation } from "../operations/call-checks.ts";
import { shutGates } from "../operations/budget.ts";
import { newcomer } from "../operations/onboard.ts";
import { forecast } from "../operations/forecast.ts";
import type { Import, ImportProgress, ImportSummary, OnboardManyOptions } from "./imports.ts";
import { retryWrite } from "../engine/retry-write.ts";
import { findUser, leadsToTombstone, nullIfPermanent, tombstoneRevision } from "../engine/load-user.ts";
import { callListener } from "../options/call-listener.ts";
import { throttle } from "./throttle.ts";
import { rowTally } from "./row-tally.ts";
import { forEachRow, rowsPerTurn, rowsAtOnce, type Rows } from "./for-each-row.ts";
import { saveIdleStep } from "../engine/save-user.ts";
import { StuckUsers } from "./stuck-users.ts";
import { ListedUsers } from "./listed-users.ts";
import { isOfDeparted, leftOf, stillInProgress, sumOf } from "../user/index-key.ts";
import type { User } from "../user/user.ts";

/** Unreadable users named in the result. */
const mostIds = 100;

/**
 * Onboards the list. `help` works for all users until its signal aborts.
 *
 * @throws {LifecycleError} of the store; the signal's reason; what the ids throw
 */
export async function onboardMany(
  { engine, options, signal }: Import<OnboardManyOptions>,
  ids: Rows<string>,
  help: (signal: AbortSignal) => Promise<unknown>,
): Promise<ImportSummary> {
  const { name, lane = "bulk", expect, onProgress } = options;
  const tally = rowTally(engine, options.onReject);
  const pace = throttle(engine, options.everyMs);
  const stuck = new StuckUsers(engine, name);
  const listed = new ListedUsers(engine, lane, signal);
  const doing = "read the progress of an import";

  /** How many users of it are not usable yet, including those whose record cannot be read. */
  async function countUnfinished(): Promise<{ readonly left: number; readonly failed: number }> {
    const counts = await engine.store.counts();
    const { failed = 0 } = leftOf(name, counts);
    return { failed, left: sumOf(stillInProgress(name, counts)) };
  }
  const before = await retryWrite(engine, signal, doing, countUnfinished);

  async function readProgress(phase: ImportProgress["phase"]): Promise<ImportProgress> {
    const { account, clock, guard } = engine;
    const [{ known }, { counts }] = [listed, tally]; // as they are before the store counts
    const [{ used, waiting, inMs }, { left, failed }] = await Promise.all([
      forecast(engine, 1, lane),
      countUnfinished(),
    ]);
    const { unreadable, held } =
      phase === "onboarding" ? await stuck.among(left, waiting[lane]) : { unreadable: 0, held: 0 };
    const isWithoutEnd =
      phase === "reading" || left === unreadable + held || waiting[lane] === 0 || inMs === Infinity;
    return {
      name,
      phase,
      ...counts,
      known,
      // A user that was added and is no longer counted has arrived. A row in progress may be stored but not counted
      // yet.
      arrived: Math.max(0, before.left + before.failed + counts.added - left - failed),
      failed,
      unreadable,
      left: left - unreadable,
      held,
      waiting: waiting[lane],
      slots: { used: total(used), of: guard.limits.management.calls },
      shut: shutGates(account.gates()).filter(({ gate }) => gatesBefore.createUser.includes(gate)),
      endsAt: isWithoutEnd ? null : new Date(clock.now() + inMs),
    };
  }

  async function expects(id: string): Promise<"new" | "existing"> {
    if (expect === undefined) return listed.expects(id);
    return typeof expect === "string"
      ? expect
      : checkValue("onboard a list", "expect", expect(id), anExpectation);
  }

  async function report(phase: ImportProgress["phase"]): Promise<ImportProgress> {
    const progress = await retryWrite(engine, signal, doing, () => readProgress(phase));
    callListener(engine.settings.logger, "onProgress", onProgress, progress);
    return progress;
  }

  await report("reading");
  await forEachRow(ids, rowsAtOnce, signal, async (given, number) => {
    if (number % rowsPerTurn === 0) await engine.gather();
    await tally.count(number, given, () => {
      const id = checkId(given);
      return retryWrite(engine, signal, "store users", async () => {
        const there = await engine.store.load(id);
        // seam: a-user-that-is-here-is-not-looked-for-in-the-list
        if (there.type !== "absent") return hasDeparted(engine, id, there) ? "departed" : "present";
        const user = newcomer(id, { expect: await expects(id), lane }, engine.clock.now());
        return storeNewUser(engine, signal, { ...user, origin: { name, arrived: false } });
      });
    });
    if (pace.isDue()) await report("reading");
  });
  listed.end();

  const last = await pace.untilNoneIsLeft(() => report("onboarding"), help, signal);
  const done: ImportProgress = { ...last, phase: "done" }; // as seen last: another process may add users again
  callListener(engine.settings.logger, "onProgress", onProgress, done);
  return { ...done, ...tally.summary, unreadableIds: stuck.ids.slice(0, mostIds) };
}

/** Stores the user in its lane, unless another process is faster or the user was forgotten. */
async function storeNewUser(
  engine: Engine,
  signal: AbortSignal,
  newcomer: User,
): Promise<"added" | "present" | "departed"> {
  // seam: an-imported-user-waits-in-its-lane
  const place = { dueInMs: null, lane: newcomer.lane };
  // An unacknowledged write is repeated with the same write id: otherwise our own user would look like a conflict.
  const done = await saveIdleStep(engine, newcomer, place, /* seam: a-first-write-is-repeated */ signal);
  if (done.type === "committed") return "added";
  if (done.unacknowledged === true && (await isOurs(engine, signal, newcomer))) return "added";
  return (await tombstoneRevision(engine, newcomer.id)) > 0 ? "departed" : "present";
}

/** Whether the user was offboarded, or is being forgotten. */
function hasDeparted(engine: Engine, id: string, there: Loaded): boolean {
  return there.type === "record" ? isOfDeparted(there.record.state) : leadsToTombstone(engine, id, there);
}

/**
 * Whether the write succeeded unacknowledged and a worker has run the user since; otherwise another process was
 * faster.
 */
async function isOurs(
  engine: Engine,
  signal: AbortSignal,
  { id, history: [begun], origin }: User,
): Promise<boolean> {
  const found = await retryWrite(engine, signal, "read users", () =>
    findUser(engine, id).catch(nullIfPermanent),
  );
  const there = found?.user;
  return there?.origin?.name === origin?.name && there?.history[0]?.[0] === begun?.[0];
}
