/**
 * Parses a command's arguments and rejects unknown ones.
 *
 * @module
 */
import { parseArgs } from "node:util";

/** An option of a command. */
export interface OptionHelp {
  readonly type: "boolean" | "string";
  /** Placeholder for the value, e.g. `N`. */
  readonly value?: string;
  readonly description: string;
}

/** A command, as `help` describes it. */
export interface CommandHelp {
  readonly name: string;
  readonly description: string;
  /** Longer description, one line each; shown in the command's own help. */
  readonly more: readonly string[];
  /** Placeholder for the positional argument, e.g. `FILE`. */
  readonly argument?: string;
  readonly options: Readonly<Record<string, OptionHelp>>;
}

/** The parsed command line: string values and flags by option name. */
export interface Given {
  /** The positional argument, if there was one. */
  readonly argument: string | undefined;
  readonly texts: ReadonlyMap<string, string>;
  readonly switches: ReadonlySet<string>;
}

/** The command line is invalid: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** @throws {UsageError} that names the invalid argument and the valid ones */
export function readArguments(command: CommandHelp, words: readonly string[]): Given {
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(
      Object.entries({ ...command.options, help }).map(([name, { type }]) => [name, { type }]),
    ),
    strict: false,
    tokens: true,
  });
  const texts = new Map<string, string>();
  const switches = new Set<string>();
  let argument: string | undefined;
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      if (command.argument === undefined || argument !== undefined) {
        throw unknown(command, "argument", token.value);
      }
      argument = token.value;
      continue;
    }
    const known = token.name === "help" ? help : ownOption(command, token.name);
    if (known === undefined) throw unknown(command, "option", token.rawName);
    if (known.type === "boolean") {
      if (token.value !== undefined) throw new UsageError(`Option --${token.name} takes no value`);
      switches.add(token.name);
    } else {
      if (token.value === undefined || token.value === "") {
        throw new UsageError(`Option --${token.name} needs a value: --${token.name} ${known.value}`);
      }
      texts.set(token.name, token.value);
    }
  }
  return { argument, texts, switches };
}

/** The option of every command. */
export const help: OptionHelp = { type: "boolean", description: "show this help" };

/** The option of commands with machine-readable output. */
export const jsonOption: Readonly<Record<string, OptionHelp>> = {
  json: { type: "boolean", description: "print one JSON object" },
};

/** The same, for commands that print as they go. */
export const jsonLinesOption: Readonly<Record<string, OptionHelp>> = {
  json: { type: "boolean", description: "print one JSON object per line" },
};

/** The positional argument of a command about one user. @throws {UsageError} if it is missing */
export function userOf({ argument }: Given, command: string): string {
  if (argument !== undefined && argument !== "") return argument;
  throw new UsageError(`${command} needs an ID: oneup-lifecycle ${command} ada@example.org`);
}

function ownOption({ options }: CommandHelp, name: string): OptionHelp | undefined {
  return Object.hasOwn(options, name) ? options[name] : undefined;
}

function unknown({ name, argument, options }: CommandHelp, kind: string, word: string): UsageError {
  const taken = [...Object.keys(options), "help"].map((option) => `--${option}`);
  const known = (argument === undefined ? taken : [`one ${argument}`, ...taken]).join(", ");
  const dashed =
    kind === "option" && argument !== undefined
      ? `; ${argument} must follow -- if it starts with a dash: oneup-lifecycle ${name} -- ${argument}`
      : "";
  return new UsageError(`Unknown ${kind} ${JSON.stringify(word)}: ${name} takes ${known}${dashed}`);
}
