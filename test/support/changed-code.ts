/** Code that was changed as people change it, without a change of what it does: for the tests of what must not mind. */
import { format, type FormatConfig } from "oxfmt";
import { eachNode, isNode, parsed, type Node, type Sources } from "../simulation/seams.ts";

/** With another name for everything that has one, and other words in all strings; but for those that are `kept`. */
export function renamed(sources: Sources, kept: ReadonlySet<string>): Sources {
  const after = new Map<string, string>();
  for (const [path, text] of sources) {
    const places = new Map<number, string>(); // a name that stands for key and value is one place
    eachNode(parsed(path, text).program, (node) => {
      const { name, value } = node as { readonly name?: unknown; readonly value?: unknown };
      if (isName(node) && typeof name === "string" && !kept.has(name))
        places.set(node.start + name.length + (node.type === "PrivateIdentifier" ? 1 : 0), "Too");
      if (node.type === "Literal" && typeof value === "string" && !kept.has(value))
        places.set(node.end - 1, "Too");
    });
    const ends = [...places].sort(([one], [other]) => other - one);
    after.set(
      path,
      ends.reduce((now, [end, more]) => now.slice(0, end) + more + now.slice(end), text),
    );
  }
  return after;
}

/** Formatted in another way. */
export async function formatted(sources: Sources, how: FormatConfig): Promise<Sources> {
  const after = new Map<string, string>();
  for (const [path, text] of sources) {
    const { code, errors } = await format(path, text, how);
    if (errors.length > 0) throw new Error(`${path} cannot be formatted: ${errors[0]?.message}`);
    after.set(path, code);
  }
  return after;
}

/** With other names for all files, in other folders. */
export function moved(sources: Sources): Sources {
  return new Map([...sources].map(([path, text]) => [`src/rooms/${path.replaceAll(/[aeiou]/g, "o")}`, text]));
}

/** All of it in one file, the last one first. */
export function inOneFile(sources: Sources): Sources {
  return new Map([["src/everything.ts", [...sources.values()].reverse().join("\n")]]);
}

/** What a text means: its tree without places, brackets, quotes and empty statements. */
export function meaning(path: string, text: string): string {
  return JSON.stringify(parsed(path, text).program, (field, value: unknown) => {
    if (["start", "end", "raw"].includes(field)) return undefined;
    return Array.isArray(value) ? value.filter((each) => !isEmpty(each)) : value;
  });
}

/** Is it a name of the source? `import.meta` and the like are not. */
export function isName({ type, start, end, name }: Node): boolean {
  if (type === "PrivateIdentifier") return true;
  return type === "Identifier" && typeof name === "string" && end - start >= name.length;
}

function isEmpty(value: unknown): boolean {
  return isNode(value) && value.type === "EmptyStatement";
}
