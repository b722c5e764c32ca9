/**
 * Adopts a list of users with the grants that the application has had so far.
 *
 * @module
 */
import { adopt, checkGrant, tokensOf } from "../operations/adopt.ts";
import { checkId } from "../options/check-id.ts";
import { anObject, checkValue } from "../../checks.ts";
import type { AdoptedRow, AdoptManyOptions, Import, RowSummary } from "./imports.ts";
import { retryWrite } from "../engine/retry-write.ts";
import { callListener } from "../options/call-listener.ts";
import { throttle } from "./throttle.ts";
import { ListedTokens } from "./listed-tokens.ts";
import { rowTally } from "./row-tally.ts";
import { forEachRow, rowsPerTurn, rowsAtOnce, type Rows } from "./for-each-row.ts";

/**
 * Adopts every row with a valid grant, except users that were offboarded or forgotten, and rows with a token of another
 * row.
 *
 * @throws {LifecycleError} of the store; the signal's reason; what the rows throw
 */
export async function adoptMany(
  { engine, options, signal }: Import<AdoptManyOptions>,
  rows: Rows<AdoptedRow>,
): Promise<RowSummary> {
  const tally = rowTally(engine, options.onReject);
  const pace = throttle(engine, options.everyMs);
  const listed = new ListedTokens();
  const report = (): void =>
    callListener(engine.settings.logger, "onProgress", options.onProgress, tally.counts);
  await forEachRow(rows, rowsAtOnce, signal, async (given, number) => {
    if (number % rowsPerTurn === 0) await engine.gather();
    await tally.count(number, given, async () => {
      const { appUserId, ...grant } = checkValue("adopt a user", "the row", given, anObject);
      const id = checkId(appUserId);
      const checked = checkGrant(grant);
      const row = listed.enter(number, id, tokensOf(checked));
      try {
        row.check();
        const deadline = { until: Number.MAX_SAFE_INTEGER, signal };
        return await retryWrite(engine, signal, "adopt users", async () => {
          const done = await adopt(engine, id, checked, deadline, { source: "inList", lastCheck: row.check });
          return done === "adopted" ? "added" : done;
        });
      } finally {
        row.end();
      }
    });
    if (pace.isDue()) report();
  });
  report();
  return tally.summary;
}
