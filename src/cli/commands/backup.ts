/**
 * `oneup-lifecycle backup FOLDER`: copies an LMDB store that is in use, or names the tool that copies another store.
 *
 * @module
 */
import { resolve } from "node:path";
import { onAbort } from "../../abort.ts";
import { LifecycleError } from "../../errors.ts";
import type { StoreAdapter } from "../../store/contract.ts";
import type { Command } from "../command.ts";
import { adapterOf } from "../open-store.ts";
import { printError } from "../screen.ts";
import { printResult } from "../results.ts";

export const backup: Command = {
  name: "backup",
  description: "copy an LMDB store that is in use; for another store, name the tool that does it",
  more: [
    "FOLDER must not exist: the copy appears there once it is complete. Processes keep working meanwhile.",
    "",
    "Redis: redis-cli --rdb FILE, or a snapshot of your provider, of each node of a cluster. PostgreSQL:",
    "pg_dump --format=custom --schema=oneup_lifecycle --file=FILE. Both copy one moment while others write. For",
    "these stores the command prints this and ends with 1, because nothing was copied.",
    "",
    "A copy contains no key and is worth nothing without one. Keep the key file, or the value of ONEUP_KEY, apart",
    "from the copy, and as long as the copy.",
    "",
    "To restore: stop all processes, put the copy in place, run reconcile --repair move, and start them only then.",
    "Before that, an id that passed to another person leads to the data of the first one; docs/deployment.md tells how to restore.",
  ],
  takes: ["FOLDER"],
  example: "backup backups/2026-11-27",
  opens: "place",
  fails: "the store is not one that this command copies",
  async run(given, signal) {
    const store = await adapterOf(given);
    if (store.backup === undefined)
      throw new LifecycleError("STORE_UNUSABLE", `Cannot copy the ${store.name} store: ${toolFor(store)}`);
    const folder = resolve(given.argument);
    const quiet = onAbort(signal, () =>
      printError(
        `The copy goes on to its end; Ctrl-C once more ends it at once, and leaves a folder ${folder}.unfinished-…, which can be deleted`,
      ),
    );
    await store.backup(folder).finally(quiet);
    printResult(given, { store: store.name, folder }, [
      `Copied to ${folder}`,
      "It contains no key. Keep the key file, or the value of ONEUP_KEY, apart from it.",
    ]);
  },
};

function toolFor({ name }: StoreAdapter): string {
  if (name === "redis")
    return "use redis-cli --rdb FILE, on each node of a cluster, and keep the key apart from it";
  if (name === "postgres")
    return "use pg_dump --format=custom --schema=oneup_lifecycle --file=FILE, and keep the key apart from it";
  return "use the tool of the storage beneath it, and keep the key apart from the copy";
}
