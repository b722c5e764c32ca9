/**
 * `oneup-lifecycle explain ID`: explains a user's state in one paragraph.
 *
 * @module
 */
import { jsonOption, userOf } from "../arguments.ts";
import type { CommandHelp, Given } from "../arguments.ts";
import { wrapped } from "../columns.ts";
import { limitOptions, lookingSays, openToLook, placeOptions, using } from "../open-store.ts";
import { widthOf } from "../screen.ts";
import { escapeControl } from "../escape-control.ts";

/** Help of `explain`. */
export const explainHelp: CommandHelp = {
  name: "explain",
  description: "explain one user: the state, the reason, what happens next and when",
  more: ["ID is the app_user_id. The explanation contains neither the id nor a secret.", "", ...lookingSays],
  argument: "ID",
  options: {
    ...placeOptions,
    ...limitOptions,
    ...jsonOption,
  },
};

/** The longest line that is easy to read, in columns. */
const longestLine = 100;

/** Prints the explanation and returns the exit code. */
export async function explain(given: Given): Promise<number> {
  const id = userOf(given, "explain");
  const text = asCommands(await using(openToLook(given), (lifecycle) => lifecycle.explain(id)));
  if (given.switches.has("json")) console.log(JSON.stringify({ appUserId: id, explanation: text }));
  else {
    const width = widthOf(process.stdout);
    const lines = wrapped(escapeControl(text), width === Infinity ? width : Math.min(longestLine, width));
    for (const line of lines) console.log(line);
  }
  return 0;
}

/** Replaces the library's methods by the commands that do the same. */
export function asCommands(text: string): string {
  return text
    .replace("retry() goes back to where", "oneup-lifecycle retry ID goes back to where")
    .replace(
      /: retry\(\) takes it back to where it failed\.$/,
      ": oneup-lifecycle retry ID takes it back to where it failed.",
    )
    .replace(
      "Any process that calls work(), or that asks",
      "Any worker (oneup-lifecycle work), or process that asks",
    )
    .replace(
      "as soon as a process calls work() or asks for this user",
      "as soon as there is a worker (oneup-lifecycle work), or a process asks for this user",
    )
    .replace(
      "when a process that calls work() takes it up",
      "when a worker (oneup-lifecycle work) takes it up",
    );
}
