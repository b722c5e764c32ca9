/**
 * `oneup-lifecycle migrate`: makes the tables of a store that has some.
 *
 * @module
 */
import type { StoreAdapter } from "../store/contract.ts";
import type { CommandHelp, Given } from "./arguments.ts";
import { adapterOf, storeOption } from "./place.ts";

/** What `help` says. */
export const migrateHelp: CommandHelp = {
  name: "migrate",
  says: "make the tables of a PostgreSQL store, or bring them up to date",
  more: [
    "Call it where you deploy, before the first process starts: it may be called again at any time.",
    "ONEUP_STORE=postgres://… or --store says where. Other stores need none of this.",
  ],
  options: storeOption,
};

/** Runs it; gives the exit code. */
export async function migrate(given: Given): Promise<number> {
  const store = await adapterOf(given);
  if (hasTables(store)) {
    await store.migrate();
    console.log(`The ${store.name} store is ready`);
  } else console.log(`The ${store.name} store needs no tables: there is nothing to do`);
  return 0;
}

/** A store that makes tables. */
interface Tabular extends StoreAdapter {
  migrate(): Promise<void>;
}

function hasTables(store: StoreAdapter): store is Tabular {
  return "migrate" in store && typeof store.migrate === "function";
}
