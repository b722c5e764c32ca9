/**
 * Tells what Ctrl-C, SIGTERM or an error has left half done, and how to go on.
 *
 * @module
 */
import { isLifecycleError, type ErrorCode } from "../errors.ts";
import type { Given } from "./command.ts";
import { printResult } from "./results.ts";
import { printError } from "./screen.ts";

/** What a stopped command prints: a line, and what its JSON holds beside `"phase":"stopped"`. */
export interface Standing {
  readonly line: string;
  readonly facts?: object;
  /** Also told after an error: something is, or may be, half done. */
  readonly isHalfDone?: boolean;
}

/** Errors before which nothing was begun, or after which another process goes on. */
const notHalfDone: ReadonlySet<ErrorCode> = new Set([
  "INVALID_ID",
  "INVALID_OPTION",
  "STORE_MOVED",
  "TAKEN_OVER",
]);

/**
 * Runs what may be stopped halfway. If it is, prints what `standing` tells, and returns the exit code of that. After an
 * error, what is half done stands on the standard error.
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
    const isError = !signal.aborted || isLifecycleError(error);
    if (isError && !(isLifecycleError(error) && notHalfDone.has(error.code))) {
      const { line, isHalfDone = false } = await standing();
      if (isHalfDone) printError(`Half done: ${line}`);
    }
    if (isError) throw error;
    printStopped(given, await standing());
    return 130;
  }
}

/** Prints that the command was stopped. */
export function printStopped(given: Given, { line, facts = {} }: Standing): void {
  const below = process.stdout.isTTY ? [""] : []; // after the ^C that the terminal has printed
  printResult(given, { phase: "stopped", ...facts }, [...below, `Stopped: ${line}`]);
}
