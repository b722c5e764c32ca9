/**
 * Makes `src/sandbox/fhir/r4-elements.ts`, the top-level elements of the R4 types that 1upHealth serves, from the
 * declarations of `@types/fhir`.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { capabilitiesOf } from "../../src/fhir/capabilities.ts";

/** The text of the module. */
export function r4ElementsSource(): string {
  const declared = declarations();
  const written = [...capabilitiesOf("r4").types].filter(([, { interactions }]) =>
    interactions.has("create"),
  );
  const types = ["Resource", "DomainResource", ...written.map(([type]) => type)].map((type) => {
    const found = declared.get(type);
    if (found === undefined) throw new Error(`@types/fhir declares no ${type}`);
    return [type, found.elements, found.base] as const;
  });
  const uses = new Map<string, number>();
  for (const one of types.flatMap(([, elements]) => elements)) uses.set(one, (uses.get(one) ?? 0) + 1);
  const often = [...uses].filter(([, count]) => count > 1);
  const shared = often.toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([element]) => element);
  const places = new Map(shared.map((element, place) => [element, place.toString(36)]));
  const lines = types.map(([type, elements, base]) => {
    const listed = elements.flatMap((one) => places.get(one) ?? []);
    const own = elements.filter((one) => !places.has(one));
    const head = base === undefined || base === "DomainResource" ? type : `${type} = ${base}`;
    return [`${head}:`, ...listed, "|", ...own].join(" ");
  });
  return `/**
 * The top-level elements of the R4 resources that 1upHealth serves, in the format of {@link elementsOf}. Made from
 * \`@types/fhir\` by \`npm run elements\`.
 *
 * @module
 */

export const r4Elements = {
  /** The elements that several types have. */
  shared: \`
${wrapped(shared)}
\`,
  /** One type per line: the places of its elements in \`shared\` in base 36, a bar, and its other elements. */
  types: \`
${lines.join("\n")}
\`,
};
`;
}

/** A type, without `resourceType` and the extensions of primitive values (`_status`). */
interface Declaration {
  readonly base: string | undefined;
  readonly elements: readonly string[];
}

function declarations(): ReadonlyMap<string, Declaration> {
  const text = readFileSync(createRequire(import.meta.url).resolve("@types/fhir/r4.d.ts"), "utf8");
  const interfaces = text.matchAll(/^export interface (\w+)(?:<.*>)?(?: extends (\w+))? \{\n([^]*?)^\}/gm);
  return new Map(
    Array.from(interfaces, ([, name = "", base, body = ""]) => {
      const members = body.replaceAll(/\/\*[^]*?\*\//g, "").matchAll(/^ {2}([a-z]\w*)(\??): (.+);$/gm);
      const elements = Array.from(members, ([, element = "", optional = "", kind = ""]) => {
        const one = kind.replace(/ \| undefined$/, "");
        const marks = markOf(one.replace(/\[\]$/, "")) + (one.endsWith("[]") ? "*" : "");
        return element + marks + (optional === "" ? "!" : "");
      });
      return [name, { base, elements }];
    }),
  );
}

function markOf(kind: string): string {
  if (kind === "string" || /^\('.*'\)$/.test(kind)) return "$";
  if (kind === "number") return "#";
  if (kind === "boolean") return "?";
  if (/^[A-Z]\w*(?:<\w+>)?$/.test(kind)) return "";
  throw new Error(`@types/fhir has an element of the kind ${kind}`);
}

function wrapped(words: readonly string[]): string {
  const lines = [""];
  for (const word of words) {
    const line = `${lines.at(-1) ?? ""} ${word}`.trim();
    if (line.length > 110) lines.push(word);
    else lines[lines.length - 1] = line;
  }
  return lines.join("\n");
}
