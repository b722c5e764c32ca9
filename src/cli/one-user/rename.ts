/**
 * `oneup-lifecycle rename ID NEW-ID`: gives a user another `app_user_id`.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { actOnUser, actOptions } from "./act-on-user.ts";

export const rename: Command = {
  name: "rename",
  description: "give a user another app_user_id, at 1upHealth and here, for one management call",
  more: [
    "ID is the app_user_id until now. Its token works meanwhile. Afterwards the old id is known as renamed;",
    "renaming it back costs a call again.",
  ],
  takes: ["ID", "NEW-ID"],
  example: "rename ada ada@example.org",
  opens: "act",
  options: actOptions,
  run: (given, signal) => actOnUser(given, signal, (it, act) => it.rename(given.argument, given.second, act)),
};
