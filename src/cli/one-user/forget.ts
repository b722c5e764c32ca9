/**
 * `oneup-lifecycle forget ID`: deletes the record of a user that was offboarded.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { escapeControl } from "../escape-control.ts";
import { withStore } from "../open-store.ts";
import { waitIn, waitOption } from "./act-on-user.ts";
import { print } from "../format.ts";

/** See the module. */
export const forget: Command = {
  name: "forget",
  description: "delete the record of a user that was offboarded",
  more: [
    "ID is the app_user_id. Its state, history and number are deleted; a mark without any facts keeps lists from",
    "adding it again. Do it after a purge is done: a purge needs the record.",
  ],
  takes: ["ID"],
  example: "forget ada@example.org",
  opens: "tend",
  json: "object",
  asks: true,
  options: waitOption,
  async run(given, signal) {
    const id = given.argument;
    const question = `The record of ${escapeControl(id)} is deleted, with its history and its number at 1upHealth. It cannot be undone.`;
    await confirm(given, question, signal);
    const wait = waitIn(given, signal);
    await withStore(given, (lifecycle) => lifecycle.forget(id, wait));
    print(given, { appUserId: id, forgotten: true }, ["forgotten"]);
    return 0;
  },
};
