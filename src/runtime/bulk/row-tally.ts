/**
 * Counts what becomes of the rows of an import.
 *
 * @module
 */
import { isLifecycleError } from "../errors.ts";
import type { RejectedRow, RowCounts, RowSummary } from "./imports.ts";
import type { StoreKeys } from "./store-keys.ts";

/** How many rejected rows are told of one by one. */
const told = 100;

/** See the module. */
export class RowTally {
  readonly #keys: Pick<StoreKeys, "isTrouble">;
  readonly #rejects: RejectedRow[] = [];
  #added = 0;
  #present = 0;
  #rejected = 0;

  constructor(keys: Pick<StoreKeys, "isTrouble">) {
    this.#keys = keys;
  }

  /** Counts one row by what `task` makes of it; one that cannot be used is noted and stops nothing. */
  async count(row: number, task: () => Promise<"added" | "present">): Promise<void> {
    try {
      if ((await task()) === "added") this.#added++;
      else this.#present++;
    } catch (error) {
      if (!isLifecycleError(error) || !spoiltRow.has(error.code)) throw error;
      if (this.#keys.isTrouble(error)) throw error; // of the account: every row after it would be rejected
      this.#rejected++;
      if (this.#rejects.length < told) {
        this.#rejects.push({ row, code: error.code, why: error.message });
      }
    }
  }

  get counts(): RowCounts {
    const [added, present, rejected] = [this.#added, this.#present, this.#rejected];
    return { read: added + present + rejected, added, present, rejected };
  }

  /** Rows are told of in their order, though several were in hand at once. */
  get summary(): RowSummary {
    return { ...this.counts, rejects: this.#rejects.toSorted((one, other) => one.row - other.row) };
  }
}

/** Errors that are about one row and no other. */
const spoiltRow: ReadonlySet<string> = new Set([
  "INVALID_ID",
  "INVALID_OPTION",
  "USER_CONFLICT",
  "RENAMED",
  "RECORD_DAMAGED",
  "RECORD_TOO_NEW",
]);
