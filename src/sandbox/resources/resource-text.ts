/** Edits the JSON text of a resource. Everything that was sent is kept verbatim: decimals keep their digits. */

/**
 * The members of a JSON object: their names, with the text of their values as written. `text` must be valid JSON of an
 * object; the last value of a repeated name counts, as in `JSON.parse`.
 */
export function membersOf(text: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = skipSpace(text, text.indexOf("{") + 1);
  while (text[at] !== "}") {
    const nameEnd = endOfString(text, at);
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = endOfValue(text, start);
    members.set(String(JSON.parse(text.slice(at, nameEnd))), text.slice(start, end));
    at = skipSpace(text, end);
    if (text[at] === ",") at = skipSpace(text, at + 1);
  }
  return members;
}

/** The items of a JSON list, as written. `text` must be valid JSON of a list. */
export function itemsOf(text: string): string[] {
  const items: string[] = [];
  let at = skipSpace(text, text.indexOf("[") + 1);
  while (text[at] !== "]") {
    const end = endOfValue(text, at);
    items.push(text.slice(at, end));
    at = skipSpace(text, end);
    if (text[at] === ",") at = skipSpace(text, at + 1);
  }
  return items;
}

/** The values that the server writes into a resource. */
export interface Stamp {
  readonly id: string;
  readonly versionId: number;
  /** In milliseconds since 1970. */
  readonly at: number;
  /** Keeps members of the sent `meta` that the server does not set, such as tags. */
  readonly keepsMeta: boolean;
}

/** The text of a resource with the server's id and `meta`; everything else stays as it was sent. */
export function stamped(sent: string, { id, versionId, at, keepsMeta }: Stamp): string {
  const members = membersOf(sent);
  const meta = members.get("meta");
  const kept = keepsMeta && meta?.startsWith("{") === true ? membersOf(meta) : new Map<string, string>();
  kept.set("versionId", `"${versionId}"`);
  kept.set("lastUpdated", `"${new Date(at).toISOString()}"`);
  const first = { resourceType: members.get("resourceType") ?? "null", id: `"${id}"`, meta: written(kept) };
  return written(new Map([...Object.entries(first), ...withoutKeys(members, first)]));
}

function withoutKeys(members: ReadonlyMap<string, string>, others: object): [string, string][] {
  return [...members].filter(([name]) => !Object.hasOwn(others, name));
}

function written(members: ReadonlyMap<string, string>): string {
  return `{${[...members].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (/\s/.test(text[at] ?? "")) at += 1;
  return at;
}

/** The index after the quote that ends the string at `from`. */
function endOfString(text: string, from: number): number {
  const next = /\\.|"/gs;
  next.lastIndex = from + 1;
  for (let found = next.exec(text); found !== null; found = next.exec(text)) {
    if (found[0] === '"') return next.lastIndex;
  }
  return text.length;
}

function endOfValue(text: string, from: number): number {
  const first = text[from];
  if (first === '"') return endOfString(text, from);
  if (first !== "{" && first !== "[") return endOfWord(text, from);
  const next = /["{}[\]]/g;
  let depth = 0;
  next.lastIndex = from;
  for (let found = next.exec(text); found !== null; found = next.exec(text)) {
    if (found[0] === '"') next.lastIndex = endOfString(text, found.index);
    else depth += found[0] === "{" || found[0] === "[" ? 1 : -1;
    if (depth === 0) return next.lastIndex;
  }
  return text.length;
}

/** The index after a number, `true`, `false` or `null`. */
function endOfWord(text: string, from: number): number {
  const word = /[^\s,}\]]*/y;
  word.lastIndex = from;
  word.exec(text);
  return word.lastIndex;
}
