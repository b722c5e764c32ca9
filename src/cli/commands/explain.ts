/**
 * `oneup-lifecycle explain ID`: explains a user's state in one paragraph.
 *
 * @module
 */
import type { Command, Given } from "../command.ts";
import { wrapped } from "../columns.ts";
import { withStore } from "../open-store.ts";
import { widthOf } from "../screen.ts";
import { escapeControl } from "../escape-control.ts";
import { atShell } from "../shell-words.ts";
import { print } from "../format.ts";

/** See the module. */
export const explain: Command = {
  name: "explain",
  description: "explain one user: the state, the reason, what happens next and when",
  more: ["ID is the app_user_id. The explanation contains neither the id nor a secret."],
  takes: ["ID"],
  example: "explain ada@example.org",
  opens: "look",
  json: "object",
  run,
};

/** The longest line that is easy to read, in columns. */
const longestLine = 100;

async function run(given: Given): Promise<number> {
  const id = given.argument;
  const text = atShell(await withStore(given, (lifecycle) => lifecycle.explain(id)), given);
  const width = widthOf(process.stdout);
  const lines = wrapped(escapeControl(text), width === Infinity ? width : Math.min(longestLine, width));
  print(given, { appUserId: id, explanation: text }, lines);
  return 0;
}
