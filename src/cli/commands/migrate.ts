/**
 * `oneup-lifecycle migrate`: creates the tables of a store that has some.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { adapterOf } from "../open-store.ts";

export const migrate: Command = {
  name: "migrate",
  description: "create or update the tables of a PostgreSQL store",
  more: [
    "Run it when you deploy, before the first process starts; it is safe to run again at any time.",
    "ONEUP_STORE=postgres://… or --store names the store. Other stores need no migration.",
  ],
  example: "migrate",
  json: null,
  opens: "place",
  async run(given) {
    const store = await adapterOf(given);
    if (store.migrate !== undefined) {
      await store.migrate();
      console.log(`The ${store.name} store is ready`);
    } else console.log(`The ${store.name} store has no tables: nothing to do`);
  },
};
