/**
 * `oneup-lifecycle explain ID`: where a user stands, in one paragraph.
 *
 * @module
 */
import { jsonOption, userOf } from "./arguments.ts";
import type { CommandHelp, Given } from "./arguments.ts";
import { wrapped } from "./columns.ts";
import { limitOptions, lookingSays, openToLook, placeOptions, using } from "./place.ts";
import { widthOf } from "./screen.ts";
import { visible } from "./visible.ts";

/** What `help` says. */
export const explainHelp: CommandHelp = {
  name: "explain",
  says: "one user in words: what state, why, what happens next and when",
  more: ["ID is the app_user_id. The paragraph names neither the user nor a secret.", "", ...lookingSays],
  argument: "ID",
  options: {
    ...placeOptions,
    ...limitOptions,
    ...jsonOption,
  },
};

/** The longest line that reads well. */
const longestLine = 100;

/** Prints it; gives the exit code. */
export async function explain(given: Given): Promise<number> {
  const id = userOf(given, "explain");
  const text = asCommands(await using(openToLook(given), (lifecycle) => lifecycle.explain(id)));
  if (given.switches.has("json")) console.log(JSON.stringify({ appUserId: id, explanation: text }));
  else {
    const width = widthOf(process.stdout);
    const lines = wrapped(visible(text), width === Infinity ? width : Math.min(longestLine, width));
    for (const line of lines) console.log(line);
  }
  return 0;
}

/** The library speaks of its verbs; whoever reads this has commands. */
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
