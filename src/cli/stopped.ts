/**
 * Tells what Ctrl-C or SIGTERM has left half done, and how to go on.
 *
 * @module
 */
import { isLifecycleError } from "../errors.ts";
import type { Given } from "./command.ts";
import { printResult } from "./results.ts";

/** What a stopped command prints: a line, and what its JSON holds beside `"phase":"stopped"`. */
export interface Standing {
  readonly line: string;
  readonly facts?: object;
}

/**
 * Runs what may be stopped halfway. If it is, prints what `standing` tells, and returns the exit code of that.
 *
 * @throws what `run` throws, unless `signal` ended it
 */
export async function stoppable(
  given: Given,
  signal: AbortSignal,
  standing: () => Standing | Promise<Standing>,
  run: () => Promise<number | undefined>,
): Promise<number | undefined> {
  try {
    return await run();
  } catch (error) {
    if (!signal.aborted || isLifecycleError(error)) throw error;
    printStopped(given, await standing());
    return 130;
  }
}

/** Prints that the command was stopped. */
export function printStopped(given: Given, { line, facts = {} }: Standing): void {
  const below = process.stdout.isTTY ? [""] : []; // after the ^C that the terminal has printed
  printResult(given, { phase: "stopped", ...facts }, [...below, `Stopped: ${line}`]);
}
