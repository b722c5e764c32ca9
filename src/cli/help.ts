/**
 * What `help` prints.
 *
 * @module
 */
import { help } from "./arguments.ts";
import type { CommandHelp } from "./arguments.ts";
import { wrapped } from "./columns.ts";
import { version } from "./version.ts";

/** All commands, in lines of at most `width` places. */
export function overview(commands: readonly CommandHelp[], width: number): string {
  return [
    `oneup-lifecycle ${version()}: takes your users through 1upHealth and keeps them there`,
    "",
    "Usage: oneup-lifecycle <command> [options]",
    "",
    ...commands.flatMap(({ name, says }) => row(name.padEnd(12), says, width)),
    ...row("help".padEnd(12), "this; <command> --help says more about one command", width),
    ...row("--version".padEnd(12), "the version", width),
    "",
    "Begin with: oneup-lifecycle demo",
  ].join("\n");
}

/** The help of one command, in lines of at most `width` places. */
export function describeCommand({ name, says, more, argument, options }: CommandHelp, width: number): string {
  const rows = Object.entries({ ...options, help }).flatMap(([option, { value, says: meaning }]) => {
    const left = value === undefined ? `--${option}` : `--${option} ${value}`;
    return row(left.padEnd(24), meaning, width);
  });
  const called = argument === undefined ? name : `${name} ${argument}`;
  const title = wrapped(`oneup-lifecycle ${called}: ${says}`, width);
  return [...title, "", ...paragraphs(more).flatMap((text) => flowing(text, width)), "", ...rows].join("\n");
}

/** Lines that follow each other make a paragraph; an empty one stands between two, and an indented one for itself. */
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

function flowing(text: string, width: number): readonly string[] {
  return text.startsWith(" ") ? [text] : wrapped(text, width);
}

/** A name and what it means, which goes on below itself. */
function row(left: string, meaning: string, width: number): readonly string[] {
  const start = `  ${left} `;
  return wrapped(meaning, width - start.length).map(
    (line, index) => (index === 0 ? start : " ".repeat(start.length)) + line,
  );
}
