/**
 * Which users an export or a leave is about: all, or those in a file.
 *
 * @module
 */
import { stat } from "node:fs/promises";
import type { UnlistableTypes } from "../../index.ts";
import { UsageError } from "../arguments.ts";
import { option, type Given, type Options } from "../command.ts";
import { number, printJson } from "../format.ts";
import { checkReadable, idsIn, usualColumn } from "../list-file.ts";
import { Screen } from "../screen.ts";
import { asCommands } from "../shell-words.ts";
import { visibleId } from "../../visible-id.ts";

export const listOption: Options = {
  users: option(
    "FILE",
    "only these: a CSV file with a header, or one app_user_id per line (default: all users)",
  ),
  column: option("NAME", `with --users: the column of a CSV file (default: ${usualColumn})`),
};

/** The users, or `"all"`. May be called again. @throws {UsageError} for the standard input, which can be read once only */
export function usersOf({ texts }: Given, signal: AbortSignal): AsyncIterable<string> | "all" {
  const path = texts.get("users");
  const column = texts.get("column");
  if (path === undefined && column !== undefined) throw new UsageError("--column goes with --users");
  if (path === undefined) return "all";
  if (path === "-") throw readOnce();
  return idsIn({ path, column }, signal);
}

/** Makes sure that the list can be read to its end, before a store is opened. @throws {UsageError} */
export async function checkUsers(given: Given, signal: AbortSignal): Promise<void> {
  const [path, column] = [given.texts.get("users"), given.texts.get("column")];
  if (usersOf(given, signal) === "all" || path === undefined) return;
  const found = await stat(path).catch(() => null); // what is not there is named below
  if (found?.isFile() === false) throw readOnce(); // such as <(…), which is a pipe
  await checkReadable({ path, column }, signal);
}

function readOnce(): UsageError {
  return new UsageError("--users takes a file: the list is read more than once");
}

/** Options that show how far it is: as JSON lines, or in one line of a terminal. */
export function showing<Progress extends { readonly phase: string }>(
  { switches }: Given,
  lineOf: (progress: Progress) => string,
): { readonly everyMs: number; readonly onProgress: (progress: Progress) => void } {
  const screen = new Screen(process.stdout);
  const isJson = switches.has("json");
  return {
    everyMs: isJson ? 1_000 : 500,
    onProgress(progress) {
      if (progress.phase === "done") return;
      if (isJson) printJson(progress);
      else if (screen.moves) screen.draw([lineOf(progress)]);
    },
  };
}

/** The types that no search lists, one line a version, and what that means for them. */
export function unlistableLines(unlistable: UnlistableTypes, meaning: string): readonly string[] {
  return Object.entries(unlistable).map(
    ([version, types]) => `Cannot be searched in ${version}, so ${meaning}: ${types.join(", ")}`,
  );
}

/** The users that are not finished, one line each. */
export function unfinishedLines(
  unfinished: readonly { readonly appUserId: string; readonly code: string; readonly why: string }[],
  all: number,
): readonly string[] {
  const lines = unfinished.map(
    ({ appUserId, code, why }) => `  ${visibleId(appUserId)}: ${code}: ${asCommands(why)}`,
  );
  return all > lines.length ? [...lines, `  and ${number(all - lines.length)} more`] : lines;
}
