/**
 * Reads the words of a command line against what a command knows, and says plainly what it does not.
 *
 * @module
 */
import { parseArgs } from "node:util";

/** An option of a command. */
export interface OptionHelp {
  readonly type: "boolean" | "string";
  /** What stands for the value, e.g. `N`. */
  readonly value?: string;
  readonly says: string;
}

/** A command, as `help` describes it. */
export interface CommandHelp {
  readonly name: string;
  readonly says: string;
  /** More about it, a line each; for its own help. */
  readonly more: readonly string[];
  /** What stands for the one word it takes beside options, e.g. `FILE`. */
  readonly argument?: string;
  readonly options: Readonly<Record<string, OptionHelp>>;
}

/** What stood on the command line: texts and switches by the option's name. */
export interface Given {
  /** The one word beside options, if there was one. */
  readonly argument: string | undefined;
  readonly texts: ReadonlyMap<string, string>;
  readonly switches: ReadonlySet<string>;
}

/** The command line cannot be understood: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** @throws {UsageError} that names the word and what there is instead */
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

/** The option that every command has. */
export const help: OptionHelp = { type: "boolean", says: "what this command does and takes" };

/** The option of commands whose output programs read. */
export const jsonOption: Readonly<Record<string, OptionHelp>> = {
  json: { type: "boolean", says: "one JSON object, for machines" },
};

/** The same, of commands that print as they go. */
export const jsonLinesOption: Readonly<Record<string, OptionHelp>> = {
  json: { type: "boolean", says: "one JSON object a line, for machines" },
};

/** The one word of a command that is about one user. @throws {UsageError} without it */
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
      ? `; ${argument} goes behind -- if it begins with a dash: oneup-lifecycle ${name} -- ${argument}`
      : "";
  return new UsageError(`Unknown ${kind} ${JSON.stringify(word)}: ${name} takes ${known}${dashed}`);
}
