/**
 * Parses a command's arguments, with the numbers and durations among them, and rejects unknown ones.
 *
 * @module
 */
import { userInfo } from "node:os";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { fhirVersions, type FhirVersion } from "../fhir/fhir-version.ts";
import { aPersonName, nameOf } from "../inspector/actions/permission.ts";
import { option, optionsOf, type Command, type Given, type Options } from "./command.ts";
import { nearest } from "../nearest.ts";
import { reasonOf } from "./system-error.ts";
import { spanOf } from "../runtime/options/time-in-words.ts";

/** The command line is invalid: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** @throws {UsageError} that names the invalid argument and the valid ones */
export function readArguments(command: Command, words: readonly string[]): Given {
  const { takes = [], name, example } = command;
  const options = optionsOf(command);
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(Object.entries(options).map(([option, { type }]) => [option, { type }])),
    strict: false,
    tokens: true,
  });
  const texts = new Map<string, string>();
  const switches = new Set<string>();
  const values: string[] = [];
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      const place = takes[values.length];
      if (place === undefined) throw unknownArgument(command, "argument", token.value);
      refuseForeignBytes(place.replaceAll(/[[\]]/g, ""), token.value);
      values.push(token.value);
      continue;
    }
    const known = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (known === undefined) throw unknownArgument(command, "option", token.rawName);
    if (known.type === "boolean") {
      if (token.value !== undefined) throw new UsageError(`Option --${token.name} takes no value`);
      switches.add(token.name);
    } else {
      const { value = "", inlineValue = false } = token;
      if (value === "" || (!inlineValue && value.startsWith("--")))
        throw withoutValue(command, token.name, value);
      refuseForeignBytes(`--${token.name}`, value);
      texts.set(token.name, value);
    }
  }
  const missing = takes.find((one, index) => !one.startsWith("[") && (values[index] ?? "") === "");
  if (missing !== undefined && !switches.has("help"))
    throw new UsageError(`${name} needs ${missing}: oneup-lifecycle ${example}`);
  const [argument = "", second = ""] = values;
  return { command, argument, second, texts, switches };
}

/**
 * Node gives each byte that is not UTF-8 as U+FFFD, which would make one user of two people. `place`: where the word stands.
 *
 * @throws {UsageError}
 */
function refuseForeignBytes(place: string, word: string): void {
  if (!word.includes("\uFFFD")) return;
  throw new UsageError(
    `Cannot read ${place}: it must be text in UTF-8, without U+FFFD, which stands for a byte that is not; a library call takes an id that holds U+FFFD`,
  );
}

/**
 * The error for an option without a value. `next`: the word behind it, if that is an option: in a shell an empty variable
 * leaves no word, and `--name $NAME --dry-run` must not become an import of the name `--dry-run`.
 */
function withoutValue(command: Command, name: string, next: string): UsageError {
  const options = optionsOf(command);
  const needs = `Option --${name} needs a value: --${name} ${options[name]?.value}`;
  if (next === "") return new UsageError(needs);
  const isOption = Object.hasOwn(options, next.slice(2));
  const behind = isOption ? `and ${next} follows` : "and a word that begins with -- follows";
  return new UsageError(`${needs}, ${behind}; a value that begins with -- is written --${name}=VALUE`);
}

function unknownArgument(command: Command, kind: "argument" | "option", word: string): UsageError {
  const { name, takes = [] } = command;
  const flags = Object.keys(optionsOf(command)).map((option) => `--${option}`);
  const meant = kind === "option" ? nearest(word, flags) : undefined;
  // An argument may be a key or a token that was pasted: it is not repeated.
  const start = kind === "argument" ? "One argument too many" : `Unknown option ${JSON.stringify(word)}`;
  if (meant !== undefined) return new UsageError(`${start}: did you mean ${meant}?`);
  const known = [...takes, ...flags].join(", ");
  const dashed =
    kind === "option" && takes.length > 0
      ? `; an argument that starts with a dash must follow --: oneup-lifecycle ${name} -- ${takes.join(" ").replaceAll(/[[\]]/g, "")}`
      : "";
  return new UsageError(`${start}: ${name} takes ${known}${dashed}`);
}

/** The option of commands whose calls wait in a lane. */
export const laneOption: Options = {
  lane: option("LANE", "the lane: bulk, recovery or interactive (default: bulk)"),
};

/** The option of commands that stop calls. */
export const reasonOption: Options = {
  reason: option("TEXT", "why, in 1 to 200 characters"),
};

/** The text of `--reason`. @throws {UsageError} if it is missing */
export function reasonIn({ texts, command }: Given): string {
  const reason = texts.get("reason");
  if (reason !== undefined) return reason;
  throw new UsageError(`${command.name} needs a reason: --reason TEXT`);
}

/** The option of commands whose act is recorded with a name. */
export const byOption: Options = {
  by: option("NAME", "who does it, as it is recorded (default: your user name)"),
};

/** The name of `--by`, or that of this machine's user. @throws {UsageError} */
export function doerIn({ texts }: Pick<Given, "texts">): string {
  const name = texts.get("by");
  if (name === undefined) return nameOf(userOfMachine()) ?? "localhost";
  if (!aPersonName.holds(name)) throw new UsageError(`--by must be ${aPersonName.must}`);
  return name;
}

function userOfMachine(): string | null {
  try {
    return userInfo().username;
  } catch {
    return null; // this user has no name here, as in some containers
  }
}

/** The words of an option that takes `all` or some of these. @throws {UsageError} */
export function someOf<T extends string>(option: string, text: string, known: readonly T[]): readonly T[] {
  return text.split(",").map((word) => {
    const found = known.find((one) => one === word);
    if (found === undefined)
      throw new UsageError(
        `Option --${option} must be all, or some of ${known.join(",")}, separated by commas`,
      );
    return found;
  });
}

/** The FHIR versions that an option names. @throws {UsageError} */
export function versionsIn(option: string, text: string): readonly FhirVersion[] {
  return someOf(option, text, fhirVersions);
}

/** A name from the last part of a path, if none is given. */
export function nameFrom(path: string): string {
  return basename(path)
    .replace(/\.\w+$/, "")
    .replaceAll(/[^\w.-]/g, "_")
    .slice(0, 64);
}

export const portOption: Options = { port: option("N", "port to listen on (default: any free port)") };

/** The error for a port that cannot be listened on. */
export function cannotListen(port: number, error: unknown): UsageError {
  return new UsageError(
    `Cannot listen on port ${port}: ${reasonOf(error)}; without --port any free one is taken`,
  );
}

/** Parses a whole number. @throws {UsageError} with the option, the rule and the value */
export function whole(
  name: string,
  text: string,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(
    `--${name} must be a whole number from ${least} to ${most}, got ${JSON.stringify(text)}`,
  );
}

/** The whole number of an option; `undefined`: it was not given. @throws {UsageError} as {@link whole} */
export function wholeIn({ texts }: Given, name: string, least: number, most?: number): number | undefined {
  const text = texts.get(name);
  return text === undefined ? undefined : whole(name, text, least, most);
}

/** Parses a duration, in ms. @throws {UsageError} with the option, the rule and the value */
export function duration(name: string, text: string): number {
  const value = spanOf(text) ?? NaN;
  if (value > 0 && Number.isSafeInteger(value)) return value;
  throw new UsageError(`--${name} must be a time such as 90s, 30m or 1h, got ${JSON.stringify(text)}`);
}
