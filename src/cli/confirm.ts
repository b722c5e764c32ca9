/**
 * Asks before something is done that cannot be undone, or that costs calls.
 *
 * @module
 */
import { createInterface } from "node:readline";
import { UsageError } from "./arguments.ts";
import type { Given } from "./command.ts";
import { printError } from "./screen.ts";

/** The answer was not yes: exit code 1. */
export class Declined extends Error {
  override readonly name = "Declined";
}

/**
 * Asks on a terminal, unless `--yes` is given. The question names what it is about, and the cost.
 *
 * @throws {UsageError} without a terminal and without `--yes`; {Declined} unless the answer is yes; the signal's reason
 */
export async function confirm(
  { command: { name }, switches }: Given,
  question: string,
  signal: AbortSignal,
): Promise<void> {
  if (switches.has("yes")) return;
  const { stdin, stderr } = process;
  if (!stdin.isTTY || !stderr.isTTY)
    throw new UsageError(
      `${name} asks first, and there is no terminal to ask on: add --yes to do it all the same`,
    );
  printError(question);
  stderr.write("Continue? [y/N] ");
  const answer = await nextLine(signal);
  signal.throwIfAborted();
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new Declined();
}

/** The next line of the standard input; empty if there is none, or once `signal` aborts. */
export async function nextLine(signal: AbortSignal): Promise<string> {
  // Not as a terminal: Ctrl-C then reaches the process as a signal.
  const lines = createInterface({ input: process.stdin, terminal: false, signal });
  try {
    return await new Promise<string>((resolve) => {
      lines.once("line", resolve);
      lines.once("close", () => resolve(""));
    });
  } finally {
    lines.close();
  }
}
