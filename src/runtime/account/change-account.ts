/**
 * Changes the account's record by compare-and-set.
 *
 * @module
 */
import { randomName, type Clock } from "../../clock.ts";
import type { AccountRecord, Json, Store } from "../../store/contract.ts";
import type { Logger } from "../options/logger.ts";

/** What everything works with that is kept in the account's record. */
export interface RecordParts {
  readonly record: Store["account"];
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Writes the value that `change` returns for the record as it is now, which was read from `at` on; `null`: it stays.
 * Resolves with what was written; `null`: nothing was, or there is no record. It is created together with the store
 * key.
 *
 * @throws {LifecycleError} `STORE_UNAVAILABLE`; what `change` throws
 */
export async function changeAccount<T extends { readonly value: Json }>(
  { record, clock }: Omit<RecordParts, "logger">,
  change: (found: AccountRecord, at: number) => T | null,
): Promise<T | null> {
  for (;;) {
    const at = clock.monotonic();
    const found = await record.load();
    const changed = found && change(found, at);
    if (found === null || changed === null) return null;
    const { value } = changed;
    if (await record.commit({ value, expectedRevision: found.revision, writeId: randomName(clock) }))
      return changed;
  }
}
