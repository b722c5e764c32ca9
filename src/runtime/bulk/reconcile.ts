/**
 * Compares the users here with 1upHealth's own list, and repairs what was requested.
 *
 * @module
 */
import { isLifecycleError } from "../../errors.ts";
import {
  noDifferences,
  type Difference,
  type ReconcileOptions,
  type ReconcileProgress,
  type Reconciliation,
  type Repair,
  type Repaired,
} from "./reconciliation.ts";
import type { Engine } from "../engine/engine.ts";
import { UserComparison } from "./finding.ts";
import { ListRetries } from "./list-retries.ts";
import { retryWrite } from "../engine/retry-write.ts";
import { watchResult } from "../options/call-listener.ts";
import { throttle } from "./throttle.ts";
import { askForPage } from "../operations/remote.ts";
import { adoptRemoteUser, followRename } from "./repairing.ts";
import { chainsOf, type RenameChain, type Renamed } from "./rename-chains.ts";
import { forEachRow } from "./for-each-row.ts";
import { pagesOf, type AskPage } from "../operations/user-walk.ts";

/** The most differences of one type in the report. */
const mostListed = 100;
/** Concurrent repairs. */
const width = 32;

/** The parameters of {@link reconcile}; `moved` is called with the old id of every record that moves. */
export interface Reconciling {
  readonly options: ReconcileOptions;
  readonly repairs: readonly Repair[];
  readonly signal: AbortSignal;
  readonly moved: (appUserId: string) => void;
}

/**
 * @throws {LifecycleError} errors of 1upHealth or the store that are not transient; the signal's reason; what
 * `onProgress` and `onDifference` throw
 */
export async function reconcile(engine: Engine, reconciling: Reconciling): Promise<Reconciliation> {
  const { options, repairs, signal } = reconciling;
  const { pageSize = 100, onProgress, onDifference } = options;
  const pace = throttle(engine, options.everyMs);
  /** If the listener throws, the call rejects. Its promise is not awaited; if it rejects, that is logged. */
  function notify<T>(name: string, listener: ((news: T) => unknown) | undefined, news: T): void {
    if (listener !== undefined) watchResult(engine.settings.logger, name, listener, listener(news));
  }
  const counts = { ...noDifferences };
  const differences: Difference[] = [];
  const renamed: Renamed[] = [];
  const comparison = new UserComparison(engine, {
    signal,
    found(difference) {
      if (++counts[difference.type] <= mostListed) differences.push(difference);
      if (difference.type === "renamed" && repairs.includes("move")) renamed.push(difference);
      notify("onDifference", onDifference, difference);
    },
  });

  const retries = new ListRetries(engine, signal);
  // What is not sent, for example in a pause or at a shut gate, costs nothing and is tried again soon.
  const ask: AskPage = (page) =>
    retryWrite(engine, signal, "read 1upHealth's list of users", () =>
      retries.until((onSending) => askForPage(engine, page, { lane: "recovery", signal, onSending })),
    );
  const { pages, walk } = pagesOf(ask, pageSize);

  const progress = (phase: ReconcileProgress["phase"]): ReconcileProgress => ({
    phase,
    there: walk().users,
    here: comparison.here,
    calls: walk().calls + retries.failed,
    counts: { ...counts, thereOnly: counts.thereOnly + (phase === "reading" ? 0 : comparison.notHeld) },
  });
  const report = (phase: ReconcileProgress["phase"]): void => {
    if (pace.isDue()) notify("onProgress", onProgress, progress(phase));
  };

  for await (const page of pages) {
    await comparison.addPage(page);
    report("reading");
  }
  const { complete } = walk();
  await comparison.compareAllUsers(complete, () => report("comparing"));

  const repaired = { adopted: 0, moved: 0, left: 0 };
  const isRepairing = complete && repairs.length > 0;
  if (isRepairing) {
    await forEachRow(chainsOf(renamed), width, signal, (chain) =>
      moveChain(engine, signal, retries, chain, ({ appUserId }, isMoved) => {
        if (isMoved) reconciling.moved(appUserId);
        repaired[isMoved ? "moved" : "left"]++;
        report("repairing");
      }),
    );
    const toAdopt = repairs.includes("adopt") && comparison.isCertain ? comparison.onlyThere : [];
    await forEachRow(toAdopt, width, signal, async (user) => {
      const done = await runRepair(engine, signal, () => adoptRemoteUser(engine, user, signal));
      repaired[done ? "adopted" : "left"]++;
      report("repairing");
    });
    if (repairs.includes("adopt")) {
      repaired.left += comparison.notHeld + comparison.onlyThere.length - toAdopt.length;
    }
  }
  const done = progress("done");
  notify("onProgress", onProgress, done);
  return { ...done, complete, differences, repaired: isRepairing ? (repaired satisfies Repaired) : null };
}

/** Moves the records of a chain, one after the other, and tells of each whether it was moved. */
async function moveChain(
  engine: Engine,
  signal: AbortSignal,
  retries: ListRetries,
  { users, isRing }: RenameChain,
  told: (user: Renamed, isMoved: boolean) => void,
): Promise<void> {
  const all = users.map((user) => ({ user, following: followRename(engine, user, signal, retries) }));
  const run = (task: () => Promise<boolean>): Promise<boolean> => runRepair(engine, signal, task);
  const last = all.at(-1);
  if (isRing && last !== undefined) {
    let isMovable = true;
    for (const { following } of all) isMovable &&= await run(following.isMovable);
    if (isMovable) await run(last.following.stepAside);
  }
  for (const { user, following } of all) told(user, await run(following.move));
}

/**
 * Runs one repair, and repeats it while the store fails. False: it is not possible, for example because a record cannot
 * be read.
 */
async function runRepair(
  engine: Engine,
  signal: AbortSignal,
  task: () => Promise<boolean>,
): Promise<boolean> {
  try {
    return await retryWrite(engine, signal, "reconcile users", task);
  } catch (error) {
    if (!isLifecycleError(error) || error.retryable || engine.keys.isTrouble(error)) throw error;
    return false;
  }
}
