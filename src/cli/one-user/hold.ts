/**
 * `oneup-lifecycle hold ID` and `unhold ID`: stop one user's management calls, and let them go on. `rename ID NEW-ID`:
 * gives a user another `app_user_id`.
 *
 * @module
 */
import { reasonIn, reasonOption } from "../arguments.ts";
import type { Command } from "../command.ts";
import { actOnUser, actOptions } from "../act-on-user.ts";

export const hold: Command = {
  name: "hold",
  description: "stop the management calls for one user, in all processes",
  more: [
    "ID is the app_user_id. Its tokens are refreshed and work. A call under way ends first. The reason is shown with",
    "the user: put no personal data into it.",
  ],
  takes: ["ID"],
  example: "hold ada@example.org --reason complaint",
  opens: "tend",
  options: {
    ...reasonOption,
    ...actOptions,
  },
  run(given, signal) {
    const reason = reasonIn(given);
    return actOnUser(given, signal, (it, act) => it.hold(given.argument, reason, act));
  },
};

export const unhold: Command = {
  name: "unhold",
  description: "let a held user continue",
  more: ["ID is the app_user_id. A worker, or a process that asks for the user, continues it."],
  takes: ["ID"],
  example: "unhold ada@example.org",
  opens: "tend",
  options: actOptions,
  run: (given, signal) => actOnUser(given, signal, (it, act) => it.unhold(given.argument, act)),
};

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
