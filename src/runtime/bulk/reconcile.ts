/**
 * Compares the users here with 1upHealth's own list, and sets right what is asked for.
 *
 * @module
 */
import { isLifecycleError } from "../errors.ts";
import { noDifferences } from "./differences.ts";
import type { Difference, ReconcileOptions, ReconcileProgress } from "./differences.ts";
import type { Reconciliation, Repair, Repaired } from "./differences.ts";
import type { Engine } from "./engine.ts";
import { Comparison } from "./finding.ts";
import { insist } from "./insist.ts";
import { Pace } from "./pace.ts";
import { askForPage } from "./remote.ts";
import { adoptStranger, followRename } from "./repairing.ts";
import { eachRow } from "./rows.ts";
import { pagesOf } from "./walk.ts";
import type { Page } from "./walk.ts";

/** Differences of one type that are told of one by one in the report. */
const told = 100;
/** Repairs at the same time. */
const width = 32;

/** What {@link reconcile} works with; `moved` is told the old id of every record that goes to another one. */
export interface Reconciling {
  readonly options: ReconcileOptions;
  readonly repairs: readonly Repair[];
  readonly signal: AbortSignal;
  readonly moved: (appUserId: string) => void;
}

/**
 * @throws {LifecycleError} what does not pass by itself, of 1upHealth or the store; the signal's reason; what
 * `onProgress` and `onDifference` throw
 */
export async function reconcile(engine: Engine, reconciling: Reconciling): Promise<Reconciliation> {
  const { options, repairs, signal } = reconciling;
  const { pageSize = 100, onProgress, onDifference } = options;
  const pace = new Pace(engine, options.everyMs);
  const counts = { ...noDifferences };
  const differences: Difference[] = [];
  const renamed: Extract<Difference, { readonly type: "renamed" }>[] = [];
  const comparison = new Comparison(engine, {
    signal,
    found(difference) {
      if (++counts[difference.type] <= told) differences.push(difference);
      if (difference.type === "renamed" && repairs.includes("move")) renamed.push(difference);
      onDifference?.(difference);
    },
  });

  let failed = 0;
  const ask = async (page: { readonly skip: number; readonly limit: number }): Promise<Page> =>
    insist(engine, signal, "read 1upHealth's list of users", () =>
      askForPage(engine, { query: { page }, lane: "recovery", signal }).catch((error: unknown) => {
        if (isLifecycleError(error, "UNAVAILABLE")) failed++;
        throw error;
      }),
    );
  const { pages, walk } = pagesOf(ask, pageSize);

  const progress = (phase: ReconcileProgress["phase"]): ReconcileProgress => ({
    phase,
    there: walk().users,
    here: comparison.here,
    calls: walk().calls + failed,
    counts: { ...counts, thereOnly: counts.thereOnly + (phase === "reading" ? 0 : comparison.beyond) },
  });
  const report = (phase: ReconcileProgress["phase"]): void => {
    if (pace.isDue()) onProgress?.(progress(phase));
  };

  for await (const page of pages) {
    await comparison.page(page);
    report("reading");
  }
  const { complete } = walk();
  await comparison.everybody(complete, () => report("comparing"));

  const repaired = { adopted: 0, moved: 0, left: 0 };
  const mends = complete && repairs.length > 0;
  if (mends) {
    await eachRow(renamed, width, signal, async (difference) => {
      const done = await mend(engine, signal, () => followRename(engine, difference, signal));
      if (done) reconciling.moved(difference.appUserId);
      repaired[done ? "moved" : "left"]++;
      report("repairing");
    });
    const strangers = repairs.includes("adopt") && comparison.isCertain ? comparison.strangers : [];
    await eachRow(strangers, width, signal, async (stranger) => {
      const done = await mend(engine, signal, () => adoptStranger(engine, stranger, signal));
      repaired[done ? "adopted" : "left"]++;
      report("repairing");
    });
    if (repairs.includes("adopt")) {
      repaired.left += comparison.beyond + comparison.strangers.length - strangers.length;
    }
  }
  const done = progress("done");
  onProgress?.(done);
  return { ...done, complete, differences, repaired: mends ? (repaired satisfies Repaired) : null };
}

/** What cannot be set right, because a record cannot be read, say, is left. */
async function mend(engine: Engine, signal: AbortSignal, task: () => Promise<boolean>): Promise<boolean> {
  try {
    return await insist(engine, signal, "reconcile users", task);
  } catch (error) {
    if (!isLifecycleError(error) || error.retryable || engine.keys.isTrouble(error)) throw error;
    return false;
  }
}
