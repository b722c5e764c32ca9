/**
 * Counts the outcomes of the rows of an import.
 *
 * @module
 */
import { isLifecycleError } from "../../errors.ts";
import { callListener } from "../options/call-listener.ts";
import type { Engine } from "../engine/engine.ts";
import type { Reject, RejectedRow, RowCounts, RowSummary } from "./imports.ts";

/** The most rejected rows that are listed. */
const mostListed = 100;

/** The outcomes of the rows of one import. */
export function rowTally<Row>(
  { keys, settings }: Pick<Engine, "keys" | "settings">,
  onReject: ((reject: Reject<Row>) => void) | undefined,
) {
  const rejects: RejectedRow[] = [];
  const counts = { read: 0, added: 0, present: 0, departed: 0, rejected: 0 };

  return {
    /** Counts one row by the result of `task`. An unusable row is recorded and stops nothing. */
    async count(
      row: number,
      given: Row,
      task: () => Promise<"added" | "present" | "departed">,
    ): Promise<void> {
      try {
        const done = await task();
        counts[done]++;
      } catch (error) {
        if (!isLifecycleError(error) || !rowErrors.has(error.code)) throw error;
        if (keys.isTrouble(error)) throw error; // a problem of the account: every further row would be rejected
        counts.rejected++;
        const { code, message: why, facts } = error;
        const reject = { row, code, why, facts };
        if (rejects.length < mostListed) rejects.push(reject);
        callListener(settings.logger, "onReject", onReject, { ...reject, given });
      }
      counts.read++;
    },

    get counts(): RowCounts {
      return { ...counts };
    },
    /** The rejected rows are in order, though several rows are processed at once. */
    get summary(): RowSummary {
      return { ...counts, rejects: rejects.toSorted((one, other) => one.row - other.row) };
    },
  };
}

/** Errors that concern one row only. */
const rowErrors: ReadonlySet<string> = new Set([
  "INVALID_ID",
  "INVALID_OPTION",
  "USER_CONFLICT",
  "RENAMED",
  "RECORD_DAMAGED",
  "RECORD_TOO_NEW",
]);
