/** `docs/runbook.md` as its tests read it. */
import { read } from "../house/repository.ts";

const text = read("docs/runbook.md");

/** The entries of a section, in order. */
export function entriesOf(section: string): readonly string[] {
  const [, body = ""] = text.split(`\n## ${section}\n`);
  const end = body.indexOf("\n## ");
  const own = end === -1 ? body : body.slice(0, end);
  return Array.from(own.matchAll(/^### (.*)$/gm), ([, entry = ""]) => entry);
}

/** What a person sees. */
export function symptomOf(entry: string): string {
  const [, body = ""] = text.split(`\n### ${entry}\n`);
  return /^\n> (.*)\n/.exec(body)?.[1] ?? `what the runbook shows of ${entry}`;
}

/** The blocks of commands, one a line without its comment, by the heading that they stand under. */
export function commandsIn(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const part of text.split(/^#{2,3} /m)) {
    const [heading = ""] = part.split("\n", 1);
    const block = /```sh\n([^]*?)```/.exec(part)?.[1];
    if (block === undefined) continue;
    const lines = block.split("\n").map((line) => line.replace(/ +# .*$/, ""));
    found.set(heading, lines.filter(Boolean));
  }
  return found;
}
