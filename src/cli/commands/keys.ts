/**
 * `oneup-lifecycle keys list`, `keys rotate` and `keys retire KEY`: the encryption keys of the store.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { plural, print } from "../format.ts";
import { withStore } from "../open-store.ts";
import { Screen } from "../screen.ts";

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
  json: "object",
  async run(given) {
    const keys = await withStore(given, (lifecycle) => lifecycle.keys.list());
    const lines = keys.map(
      ({ id, storeKeys }) => `${id}  wraps ${plural(storeKeys.length, "store key")}: ${storeKeys.join(", ")}`,
    );
    print(given, { keys }, lines);
    return 0;
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
    "and every user is sealed again: use it if the old key may have leaked. It takes 10 s or more, and may be",
    "interrupted and run again.",
  ],
  example: "keys rotate --records",
  opens: "tend",
  json: "object",
  fails: "a record opens with no key",
  options: { records: { type: "boolean", description: "replace the store's own key too" } },
  async run(given, signal) {
    const { switches } = given;
    const isJson = switches.has("json");
    const screen = new Screen(process.stdout);
    const done = await withStore(given, (lifecycle) =>
      lifecycle.rotateKeys({
        records: switches.has("records"),
        signal,
        onProgress({ seen, of, resealed }) {
          if (!isJson) screen.draw([`${seen} of ${plural(of, "user")} read, ${resealed} sealed again`]);
        },
      }),
    );
    const { storeKeys, resealed, unreadable, dropped } = done;
    print(given, done, [
      `${plural(storeKeys, "store key")} wrapped with the newest key`,
      ...(switches.has("records")
        ? [`${plural(resealed, "user")} sealed again, ${plural(dropped, "old store key")} dropped`]
        : []),
      ...(unreadable > 0 ? [`${plural(unreadable, "record")} left as they are: no key opens them`] : []),
    ]);
    return unreadable > 0 ? 1 : 0;
  },
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
  json: "object",
  asks: true,
  async run(given, signal) {
    const id = given.argument;
    const question = `Key ${id} is retired for good: no process wraps with it again. Backups from before keys rotate still need it.`;
    await confirm(given, question, signal);
    await withStore(given, (lifecycle) => lifecycle.keys.retire(id));
    print(given, { retired: id }, [`Key ${id} is retired`]);
    return 0;
  },
};
