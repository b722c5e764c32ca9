/**
 * Prints the help texts.
 *
 * @module
 */
import { exitCodesOf, moreOf, optionsOf, usageOf, type Command } from "./command.ts";
import type { CommandGroup } from "./command-table.ts";
import { wrapped } from "./columns.ts";
import { version } from "../version.ts";

/** All commands, wrapped at `width` columns. */
export function overview(groups: readonly CommandGroup[], width: number): string {
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
export function describeCommand(command: Command, width: number): string {
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
