/**
 * Changes the account's record by compare-and-set.
 *
 * @module
 */
import { randomName, type Clock } from "../../clock.ts";
import type { AccountRecord, Json, Store } from "../../store/contract.ts";
import { momentOn, type Moment } from "../../store/steady-time.ts";
import type { Logger } from "../options/logger.ts";

/** The dependencies of code that keeps something in the account's record. */
export interface RecordParts {
  readonly record: Store["account"];
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Writes the value that `change` returns for the current record. If `change` returns `null`, nothing
 * is written. Resolves with what was written; `null`: nothing was, or there is no record yet (it is created together with
 * the store key).
 *
 * @throws {LifecycleError} `STORE_UNAVAILABLE`; what `change` throws
 */
export async function changeAccount<T extends { readonly value: Json }>(
  { record, clock }: Omit<RecordParts, "logger">,
  change: (found: AccountRecord, began: Moment) => T | null,
): Promise<T | null> {
  for (;;) {
    const began = momentOn(clock);
    const found = await record.load();
    const changed = found && change(found, began);
    if (found === null || changed === null) return null;
    const { value } = changed;
    if (await record.commit({ value, expectedRevision: found.revision, writeId: randomName(clock) }))
      return changed;
  }
}
