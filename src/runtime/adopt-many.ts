/**
 * Takes over whole lists of users with the grants that the application has had so far.
 *
 * @module
 */
import { adopt, checkGrant } from "./adopt.ts";
import type { Grant } from "./adopt.ts";
import { tell } from "./changes.ts";
import { checkId } from "./checks.ts";
import type { AdoptManyOptions, Import, RowSummary } from "./imports.ts";
import { insist } from "./insist.ts";
import { Pace } from "./pace.ts";
import { RowTally } from "./row-tally.ts";
import { eachRow, rowsInHand } from "./rows.ts";
import type { Rows } from "./rows.ts";

/** A row of {@link adoptMany}: whom, and the grant. */
export interface AdoptedRow extends Grant {
  readonly appUserId: string;
}

/**
 * Takes every row over that brings a grant, but for users who were let go.
 * @throws {LifecycleError} of the store; the signal's reason; what the rows throw
 */
export async function adoptMany(
  { engine, options, signal }: Import<AdoptManyOptions>,
  rows: Rows<AdoptedRow>,
): Promise<RowSummary> {
  const tally = new RowTally(engine.keys);
  const pace = new Pace(engine, options.everyMs);
  await eachRow(rows, rowsInHand, signal, async (given, number) => {
    await tally.count(number, async () => {
      const { appUserId, ...grant } = given;
      const id = checkId(appUserId);
      const checked = checkGrant(grant);
      const patience = { until: Number.MAX_SAFE_INTEGER, signal };
      return insist(engine, signal, "adopt users", async () =>
        (await adopt(engine, id, checked, patience, "inList")) === "adopted" ? "added" : "present",
      );
    });
    if (pace.isDue()) tell((progress) => options.onProgress?.(progress), tally.counts);
  });
  tell((progress) => options.onProgress?.(progress), tally.counts);
  return tally.summary;
}
