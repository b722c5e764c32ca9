/**
 * `oneup-lifecycle explain ID`: explains a user's state in one paragraph.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { withStore } from "../open-store.ts";
import { escapeControl, print } from "../format.ts";
import { atShell } from "../shell-words.ts";

export const explain: Command = {
  name: "explain",
  description: "explain one user: the state, the reason, what happens next and when",
  more: ["ID is the app_user_id. The explanation contains neither the id nor a secret."],
  takes: ["ID"],
  example: "explain ada@example.org",
  opens: "look",
  async run(given) {
    const id = given.argument;
    const text = atShell(await withStore(given, (lifecycle) => lifecycle.explain(id)), given);
    print(given, { appUserId: id, explanation: text }, [escapeControl(text)]);
  },
};
