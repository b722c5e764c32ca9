/**
 * Seams: places in the product that hold a rule, marked by a comment with the rule's name. A mutant breaks the library at
 * a seam, independent of the seam's place and of the names around it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync } from "oxc-parser";

/** A node of the syntax tree: an ESTree one, with its place in the text. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** A marked place. */
export interface Seam {
  readonly name: string;
  readonly file: string;
  /** The outermost statement, list member or expression that begins behind the mark. */
  readonly node: Node;
  /** Is it one of several in a list that may as well do without it: a property, an element, an argument? */
  readonly isMember: boolean;
}

/** Texts by their paths. */
export type Sources = ReadonlyMap<string, string>;

/** Folders with the product's source. */
export const productRooms: readonly string[] = ["src", "machines", "adapters"];

/** The product's sources below `root`. */
export function productSources(root: string): Sources {
  const paths = productRooms.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `${room}/${name.replaceAll("\\", "/")}`),
  );
  return new Map(paths.sort().map((path) => [path, readFileSync(join(root, path), "utf8")]));
}

/** A text as a tree, and its comments. @throws {Error} if it does not parse */
export function parsed(
  file: string,
  text: string,
): { readonly program: Node; readonly comments: readonly Node[] } {
  const result = parseSync(file, text, { lang: "ts", preserveParens: false });
  const [error] = result.errors;
  if (error !== undefined) throw new Error(`${file} does not parse: ${error.codeframe ?? error.message}`);
  return result as unknown as { program: Node; comments: Node[] }; // one shape for all nodes; made when it is looked at
}

const mark = /^\s*seam: ([a-z0-9]+(?:-[a-z0-9]+)*)\s*$/;
const looksLikeOne = /^\W*seam\b/i;

/** All seams. @throws {Error} for a mark that occurs twice, precedes nothing, or has no proper name */
export function seamsIn(sources: Sources): ReadonlyMap<string, Seam> {
  const seams = new Map<string, Seam>();
  for (const [file, text] of sources) {
    for (const place of placesIn(file, text)) {
      const before = seams.get(place.name);
      if (before !== undefined)
        throw new Error(`"${place.name}" is marked twice: in ${before.file} and ${file}`);
      seams.set(place.name, { file, ...place });
    }
  }
  return seams;
}

type Place = Omit<Seam, "file">;

/** The same text has the same seams: most texts are looked at often. */
const known = new Map<string, readonly Place[]>();

function placesIn(file: string, text: string): readonly Place[] {
  const before = known.get(text);
  if (before !== undefined) return before;
  const places = /seam/i.test(text) ? placesOf(file, text) : [];
  known.set(text, places);
  return places;
}

function placesOf(file: string, text: string): readonly Place[] {
  const { program, comments } = parsed(file, text);
  const marks = comments.flatMap(({ value, end }) => {
    const words = String(value);
    const name = mark.exec(words)?.[1];
    if (name === undefined && looksLikeOne.test(words))
      throw new Error(`${file} has a mark without a proper name: ${words}`);
    return name === undefined ? [] : [{ name, end }];
  });
  const found = new Map<string, Place>();
  eachNode(program, (node, isMember) => {
    for (const { name, end } of marks) {
      const before = found.get(name)?.node;
      if (node.start < end || (before && before.start < node.start)) continue;
      if (before?.start === node.start && before.end >= node.end) continue;
      found.set(name, { name, node, isMember });
    }
  });
  return marks.map(({ name, end }) => {
    const place = found.get(name);
    const between = comments
      .filter(({ start }) => start >= end && start < (place?.node.start ?? 0))
      .reduce(
        (rest, other) => rest.replace(text.slice(other.start, other.end), ""),
        text.slice(end, place?.node.start),
      );
    if (place === undefined || !/^[\s(]*$/.test(between))
      throw new Error(`${file} marks nothing as "${name}"`);
    return place;
  });
}

/** Visits every node below `node`. `isMember`: it is an item of a list, from which it can be left out. */
export function eachNode(node: Node, visit: (node: Node, isMember: boolean) => void): void {
  for (const field in node) {
    const child = node[field];
    if (typeof child !== "object" || child === null) continue;
    const isMember = field === "properties" || field === "elements" || field === "arguments";
    for (const each of Array.isArray(child) ? (child as unknown[]) : [child]) {
      if (!isNode(each)) continue;
      visit(each, isMember);
      eachNode(each, visit);
    }
  }
}

/** Is it part of a syntax tree? */
export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as Partial<Node>).type === "string";
}
