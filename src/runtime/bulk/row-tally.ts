/**
 * Counts the outcomes of the rows of an import.
 *
 * @module
 */
import { isLifecycleError } from "../../errors.ts";
import type { RejectedRow, RowCounts, RowSummary } from "./imports.ts";
import type { StoreKeys } from "../account/store-keys.ts";

/** The most rejected rows that are listed. */
const mostListed = 100;

/** The outcomes of the rows of one import. */
export class RowTally {
  readonly #keys: Pick<StoreKeys, "isTrouble">;
  readonly #rejects: RejectedRow[] = [];
  readonly #counts = { added: 0, present: 0, rejected: 0 };

  constructor(keys: Pick<StoreKeys, "isTrouble">) {
    this.#keys = keys;
  }

  /** Counts one row by the result of `task`. An unusable row is recorded and stops nothing. */
  async count(row: number, task: () => Promise<"added" | "present">): Promise<void> {
    try {
      const done = await task();
      this.#counts[done]++;
    } catch (error) {
      if (!isLifecycleError(error) || !spoiltRow.has(error.code)) throw error;
      if (this.#keys.isTrouble(error)) throw error; // a problem of the account: every further row would be rejected
      this.#counts.rejected++;
      const { code, message: why, facts } = error;
      if (this.#rejects.length < mostListed) this.#rejects.push({ row, code, why, facts });
    }
  }

  get counts(): RowCounts {
    const { added, present, rejected } = this.#counts;
    return { read: added + present + rejected, added, present, rejected };
  }

  /** The rejected rows are in order, though several rows are processed at once. */
  get summary(): RowSummary {
    return { ...this.counts, rejects: this.#rejects.toSorted((one, other) => one.row - other.row) };
  }
}

/** Errors that concern one row only. */
const spoiltRow: ReadonlySet<string> = new Set([
  "INVALID_ID",
  "INVALID_OPTION",
  "USER_CONFLICT",
  "RENAMED",
  "RECORD_DAMAGED",
  "RECORD_TOO_NEW",
]);
