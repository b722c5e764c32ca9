/**
 * Ties a unit to the account's record that its caller has opened.
 *
 * @module
 */
import type { OfAccount } from "../contract.ts";
import { lostStore } from "../lost-store.ts";
import type { Tables } from "./tables.ts";

/** The tables, if they hold the account's record that the caller opened. @throws {LifecycleError} `STORE_UNUSABLE` */
export function sameAccount(tables: Tables, { identity }: OfAccount): Tables {
  if (identity !== undefined && tables.account.get()?.identity !== identity) throw lostStore();
  return tables;
}
