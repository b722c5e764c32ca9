/**
 * `oneup-lifecycle keys list`, `keys fingerprint [FILE]`, `keys rotate` and `keys retire KEY`: the encryption keys of
 * the store.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { keysFromEnv } from "../../env.ts";
import { keyFile, LifecycleError } from "../../index.ts";
import { looksLikeKeys, ringOf } from "../../store/sealing/keys.ts";
import { UsageError } from "../arguments.ts";
import { flag, type Command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { plural, print } from "../format.ts";
import { withStore } from "../open-store.ts";
import { printError, Screen } from "../screen.ts";
import { stoppable, type Standing } from "../stopped.ts";
import { printResult } from "../results.ts";

const ring = [
  "Keys are those in ONEUP_KEY, newest first and separated by commas, or the lines of the key file. They appear",
  "by their ids; no key is printed.",
];

/** Lists keys. */
export const listKeys: Command = {
  name: "keys list",
  description: "list the keys that the store needs",
  more: ring,
  example: "keys list",
  opens: "look",
  async run(given) {
    const keys = await withStore(given, (lifecycle) => lifecycle.keys.list());
    const lines = keys.map(
      ({ id, storeKeys }) => `${id}  wraps ${plural(storeKeys.length, "store key")}: ${storeKeys.join(", ")}`,
    );
    print(given, { keys }, lines);
  },
};

/** Prints the ids of keys. */
export const fingerprintKeys: Command = {
  name: "keys fingerprint",
  description: "print the id of each key in a file, to compare with the key that a store needs",
  more: [
    "A store that was written with another key names the one that it needs by this id, and so does keys list. The id",
    "reveals nothing of the key. Without FILE it reads ONEUP_KEY_FILE or ONEUP_KEY. No store is opened.",
  ],
  takes: ["[FILE]"],
  example: "keys fingerprint ./lifecycle.key",
  async run(given) {
    const file = given.argument;
    // A path that does not exist may be a key that was pasted: it is not repeated.
    if (file !== "" && !existsSync(file))
      throw new LifecycleError("KEY_REFUSED", "Cannot read the key file: it must exist, and it does not");
    const source = file === "" ? keysFromEnv() : keyFile(file);
    if (source === undefined)
      throw new UsageError(
        "keys fingerprint needs a FILE, or ONEUP_KEY_FILE or ONEUP_KEY in the environment",
      );
    const keys = ringOf(source, false, printError).map(({ id }) => ({ id }));
    print(given, { keys }, [
      keys.map(({ id }, index) => (index === 0 ? `${id}  the newest` : id)).join("\n"),
    ]);
  },
};

/** Wraps the store's keys with the newest key. */
export const rotateKeys: Command = {
  name: "keys rotate",
  description: "wrap the store's keys with the newest key, while all processes work",
  more: [
    ...ring,
    "",
    "First put the new key before the old one, for every process. With --records the store's own key is replaced too",
    "and every user is sealed again: use it if the old key may have leaked. It takes 15 s or more, and may be",
    "interrupted and run again.",
  ],
  example: "keys rotate --records",
  opens: "tend",
  fails: "a record is damaged",
  options: { records: flag("replace the store's own key too") },
  async run(given, signal) {
    const { switches } = given;
    const isJson = switches.has("json");
    const screen = new Screen(process.stdout);
    const rotate = async (): Promise<number> => {
      const done = await withStore(given, (lifecycle) =>
        lifecycle.rotateKeys({
          records: switches.has("records"),
          signal,
          onProgress({ seen, of, resealed }) {
            if (!isJson) screen.draw([`${seen} of ${plural(of, "user")} read, ${resealed} sealed again`]);
          },
        }),
      );
      const { key, wrapped, resealed, unreadable, dropped } = done;
      printResult(given, done, [
        wrapped === 0
          ? `No other key to rotate: ${key}, the newest key, wraps the store's keys already`
          : `${plural(wrapped, "store key")} wrapped with the newest key, ${key}`,
        ...(switches.has("records")
          ? [`${plural(resealed, "user")} sealed again, ${plural(dropped, "old store key")} dropped`]
          : []),
        ...(unreadable > 0 ? [`${plural(unreadable, "record")} left as they are: they are damaged`] : []),
      ]);
      return unreadable > 0 ? 1 : 0;
    };
    return stoppable(given, signal, () => standing, rotate);
  },
};

const standing: Standing = {
  line: "the store may still need the old key, so keep it. Run the same command to continue.",
};

/** Retires a key. */
export const retireKey: Command = {
  name: "keys retire",
  description: "make sure that the store no longer needs a key",
  more: [
    "KEY is the id of a key, as keys list showed it before keys rotate. From then on no process wraps with it.",
    "Keep the key as long as you keep backups of the store from before.",
  ],
  takes: ["KEY"],
  example: "keys retire 5f2a9c01",
  opens: "tend",
  asks: true,
  async run(given, signal) {
    const id = given.argument;
    if (looksLikeKeys(id))
      throw new UsageError(
        "keys retire needs the id of a key, as keys list prints it, and this looks like the key itself",
      );
    const question = `Key ${id} is retired for good: no process wraps with it again. Backups from before keys rotate still need it.`;
    await confirm(given, question, signal);
    await withStore(given, (lifecycle) => lifecycle.keys.retire(id));
    printResult(given, { retired: id }, [`Key ${id} is retired`]);
  },
};
