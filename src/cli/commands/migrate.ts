/**
 * `oneup-lifecycle migrate`: creates the tables of a store that has some.
 *
 * @module
 */
import type { StoreAdapter } from "../../store/contract.ts";
import type { Command, Given } from "../command.ts";
import { adapterOf } from "../open-store.ts";

/** See the module. */
export const migrate: Command = {
  name: "migrate",
  description: "create or update the tables of a PostgreSQL store",
  more: [
    "Run it when you deploy, before the first process starts; it is safe to run again at any time.",
    "ONEUP_STORE=postgres://… or --store names the store. Other stores need no migration.",
  ],
  example: "migrate",
  opens: "place",
  run,
};

async function run(given: Given): Promise<number> {
  const store = await adapterOf(given);
  if (hasTables(store)) {
    await store.migrate();
    console.log(`The ${store.name} store is ready`);
  } else console.log(`The ${store.name} store has no tables: nothing to do`);
  return 0;
}

/** A store with tables. */
interface Tabular extends StoreAdapter {
  migrate(): Promise<void>;
}

function hasTables(store: StoreAdapter): store is Tabular {
  return "migrate" in store && typeof store.migrate === "function";
}
