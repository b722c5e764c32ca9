/**
 * What a command came to. The entry prints it on the standard error if the standard output did not take it: its reader
 * has left, or a disk is full.
 *
 * @module
 */
import type { Given } from "./command.ts";
import { print } from "./format.ts";

/** The results of this command, one text each. */
export const results: string[] = [];

/** Prints a result as `print()` does, and notes it. */
export function printResult(given: Pick<Given, "switches">, data: unknown, lines: readonly string[]): void {
  results.push(given.switches.has("json") ? JSON.stringify(data) : lines.join("\n").trimStart());
  print(given, data, lines);
}
