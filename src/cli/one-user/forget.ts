/**
 * `oneup-lifecycle forget ID`: deletes the record of a user that was offboarded.
 *
 * @module
 */
import { isLifecycleError } from "../../index.ts";
import type { Command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { escapeControl, print } from "../format.ts";
import { withStore } from "../open-store.ts";
import { actOptions, actIn } from "./act-on-user.ts";

function isNotUnknown(error: unknown): boolean {
  return !isLifecycleError(error, "USER_UNKNOWN"); // forget() rejects with any other error
}

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
  asks: true,
  options: actOptions,
  async run(given, signal) {
    const id = given.argument;
    const question = `The record of ${escapeControl(id)} is deleted, with its history and its number at 1upHealth. It cannot be undone.`;
    await confirm(given, question, signal);
    const act = actIn(given, signal);
    const known = await withStore(given, async (lifecycle) => {
      const isKnown = await lifecycle.inspect(id).then(() => true, isNotUnknown);
      await lifecycle.forget(id, act);
      return isKnown;
    });
    const told = known ? "forgotten" : "There was no such user here; nothing of it is stored";
    print(given, { appUserId: id, known, forgotten: true }, [told]);
  },
};
