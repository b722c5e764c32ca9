/**
 * Runs one command, or prints the help texts.
 *
 * @module
 */
import { isLifecycleError, type ErrorCode, type LifecycleError } from "../errors.ts";
import { isSystemError, systemErrorInWords } from "./system-error.ts";
import { nextStepOf } from "../next-step.ts";
import { looksLikeKeys } from "../store/sealing/keys.ts";
import { readArguments, UsageError } from "./arguments.ts";
import { type Command, exitCodesOf, moreOf, optionsOf, usageOf } from "./command.ts";
import { allCommands, commandGroups, type CommandGroup } from "./command-table.ts";
import { Declined } from "./confirm.ts";
import { version } from "../version.ts";
import { runWorker, workerCommand } from "./demo/worker.ts";
import { nearest } from "../nearest.ts";
import { printError, wrapped } from "./screen.ts";
import { asCommands } from "./shell-words.ts";

/** Width of help texts: that of the terminal within reason, and 80 on a pipe. */
function widthOfHelp(): number {
  return Math.min(100, Math.max(40, process.stdout.columns ?? 80));
}

async function run(words: readonly string[], signal: AbortSignal, self: string): Promise<number> {
  const [name = "help"] = words;
  if (name === workerCommand) return runWorker(signal);
  if (["--version", "-v", "-V"].includes(name)) return say(version());
  if (name === "help" || name === "--help" || name === "-h") return help(words.slice(1));
  const command = commandIn(words);
  if (command === undefined) {
    if (words.includes("--help") && actionsOf(name).length > 0) return help([name]);
    throw unknownCommand(words);
  }
  const given = readArguments(command, words.slice(command.name.split(" ").length));
  return given.switches.has("help")
    ? say(describeCommand(command, widthOfHelp()))
    : ((await command.run(given, signal, self)) ?? 0);
}

/** The command that the words begin with. */
function commandIn(words: readonly string[]): Command | undefined {
  return allCommands.find(({ name }) => name.split(" ").every((word, index) => word === words[index]));
}

/** Whether the command that the words begin with goes on once its standard output cannot be written. */
export function outputIsOptional(words: readonly string[]): boolean {
  return commandIn(words)?.outputIsOptional === true;
}

/** The commands of two words of which `name` is the first. */
function actionsOf(name: string | undefined): readonly Command[] {
  return allCommands.filter((command) => command.name.startsWith(`${name} `));
}

function help(words: readonly string[]): number {
  const about = commandIn(words);
  const described = about === undefined ? actionsOf(words[0]) : [about];
  const width = widthOfHelp();
  if (words.length === 0) return say(overview(commandGroups, width));
  if (described.length === 0) throw unknownCommand(words);
  return say(described.map((command) => describeCommand(command, width)).join("\n\n"));
}

function unknownCommand([name = "", action]: readonly string[]): UsageError {
  const actions = actionsOf(name).map((command) => command.name);
  const known =
    actions.length > 0 ? actions : [...allCommands.map(({ name: one }) => one), "help", "--version"];
  const word = actions.length > 0 ? [name, ...(action === undefined ? [] : [action])].join(" ") : name;
  const meant = word === name && actions.length > 0 ? undefined : nearest(word, known);
  const kind = name.startsWith("-") ? "option" : "command";
  const shown = word.split(" ").some(looksLikeKeys) ? "" : ` ${JSON.stringify(word)}`;
  const hint = meant === undefined ? `use one of ${known.join(", ")}` : `did you mean ${meant}?`;
  return new UsageError(`Unknown ${kind}${shown}: ${hint}`);
}

/** The words that show the help of the command, or of the group of commands, that was meant. */
function helpAbout(words: readonly string[]): string {
  const [group = ""] = words;
  const name = commandIn(words)?.name ?? (actionsOf(group).length > 0 ? group : undefined);
  return name === undefined ? "help" : `${name} --help`;
}

function say(text: string): number {
  console.log(text);
  return 0;
}

/** Errors whose message names what does not work, and not what to do about it. */
const outages: ReadonlySet<ErrorCode> = new Set([
  "CREDENTIALS_REFUSED",
  "FORBIDDEN",
  "KEY_REFUSED",
  "RATE_LIMITED",
  "STORE_UNAVAILABLE",
  "UNAVAILABLE",
]);

/** What is true of a command that has ended, in place of what is true of a process that works. */
const again = "the same command can be run again";

/** Whether the arguments or the environment are wrong, so that nothing was done. */
function isOfOptions({ code, facts }: LifecycleError): boolean {
  // A key that is missing or malformed; one that does not fit the store is refused without that fact.
  const isWrongKey = code === "KEY_REFUSED" && facts["option"] === "encryption";
  return code === "INVALID_OPTION" || code === "INVALID_ID" || isWrongKey;
}

/**
 * Runs the command that `words` name until it is done or `signal` aborts, and prints errors. `self` is the path of the
 * main module.
 *
 * @returns the exit code
 */
export async function perform(words: readonly string[], signal: AbortSignal, self: string): Promise<number> {
  try {
    return await run(words, signal, self);
  } catch (error) {
    if (error instanceof UsageError) {
      printError(error.message);
      console.error(`Try: oneup-lifecycle ${helpAbout(words)}`);
      return 2;
    }
    if (isLifecycleError(error)) {
      printError(`${error.message} [${error.code}]`);
      if (outages.has(error.code) && !words.includes("--json"))
        printError(`What to do: ${asCommands(nextStepOf(error)).replace("work continues by itself", again)}`);
      return isOfOptions(error) ? 2 : 1;
    }
    if (signal.aborted) return 130;
    if (error instanceof Declined) {
      console.error("Nothing was done");
      return 1;
    }
    if (isSystemError(error)) {
      printError(`${systemErrorInWords(error)}; once it can, run the same command again`);
      return 1;
    }
    throw error;
  }
}

/** All commands, wrapped at `width` columns. */
function overview(groups: readonly CommandGroup[], width: number): string {
  const title = `oneup-lifecycle ${version()}: onboards users at 1upHealth and keeps their tokens valid`;
  return [
    ...wrapped(title, width),
    "",
    "Usage: oneup-lifecycle <command> [options]",
    ...groups.flatMap(({ about, commands }) => [
      "",
      about,
      ...commands.flatMap(({ name, description }) => row(name, 12, description, width)),
    ]),
    "",
    ...row("help", 12, "show this help; <command> --help describes one command", width),
    ...row("--version", 12, "print the version", width),
    "",
    "Start with: oneup-lifecycle demo",
  ].join("\n");
}

/** The help of one command, wrapped at `width` columns. */
function describeCommand(command: Command, width: number): string {
  const rows = Object.entries(optionsOf(command)).flatMap(([option, { value, description: meaning }]) => {
    const left = value === undefined ? `--${option}` : `--${option} ${value}`;
    return row(left, 24, meaning, width);
  });
  return [
    ...wrapped(`oneup-lifecycle ${usageOf(command)}: ${command.description}`, width),
    "",
    ...paragraphs(moreOf(command)).flatMap((text) => (text.startsWith(" ") ? [text] : wrapped(text, width))),
    "",
    ...rows,
    "",
    ...wrapped(`Exit codes: ${exitCodesOf(command).join("; ")}.`, width),
    "",
    `Example: oneup-lifecycle ${command.example}`,
  ].join("\n");
}

/** Joins consecutive lines to paragraphs; an empty line separates two, and an indented line stays as it is. */
function paragraphs(lines: readonly string[]): readonly string[] {
  const found: string[] = [];
  let isOpen = false;
  for (const line of lines) {
    const isProse = line !== "" && !line.startsWith(" ");
    if (isProse && isOpen) found.push(`${found.pop()} ${line}`);
    else found.push(line);
    isOpen = isProse;
  }
  return found;
}

/** A name and its meaning, wrapped with a hanging indent; a name wider than its column stands above. */
function row(left: string, column: number, meaning: string, width: number): readonly string[] {
  const indent = " ".repeat(column + 3);
  const [first = "", ...rest] = wrapped(meaning, width - indent.length).map((line) => indent + line);
  if (left.length > column) return [`  ${left}`, first, ...rest];
  return [`  ${left}`.padEnd(indent.length) + first.slice(indent.length), ...rest];
}
