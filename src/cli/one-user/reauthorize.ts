/**
 * `oneup-lifecycle reauthorize ID`: discards a user's grant and gets a new one.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { escapeControl } from "../format.ts";
import { actOnUser, actOptions, isUsable } from "./act-on-user.ts";

export const reauthorize: Command = {
  name: "reauthorize",
  description: "discard a user's grant and get a new one, for one management call",
  more: [
    "ID is the app_user_id. For a user whose record is damaged, or whose grant is suspect. The user has no token",
    "until the new one is there.",
  ],
  takes: ["ID"],
  example: "reauthorize ada@example.org",
  opens: "act",
  asks: true,
  fails: "the user has no token yet",
  options: actOptions,
  async run(given, signal) {
    const id = given.argument;
    const question = `The grant of ${escapeControl(id)} is discarded, and a new one costs one management call.`;
    await confirm(given, question, signal);
    return actOnUser(given, signal, (lifecycle, act) => lifecycle.reauthorize(id, act), isUsable);
  },
};
