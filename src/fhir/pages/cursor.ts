/**
 * A position in a walk as a short text, so that another process can resume it. It holds what the server's link added
 * to the search and refers to the rest by index: the caller passes the same search again, so its values, which may
 * identify a patient, are not in the cursor, even where the server writes them in a form of its own (`eq1903-07-03`). What
 * the link says under a name that the search does not have, or has less often, is the server's and is in it; so is another
 * value of a filter where nothing else tells the page. It holds no secret.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { invalidOption, type LifecycleError } from "../../errors.ts";
import { cursorParts } from "../checks.ts";
import type { PagePlace } from "./next-link.ts";
import { encoded, type Pairs } from "../query.ts";

/** A search. */
export interface Search {
  readonly path: string;
  readonly pairs: Pairs;
  /** The FHIR version. A cursor is valid for one version, path and set of parameters. */
  readonly version: string;
}

/** `[1, fingerprint, path or 0 for that of the search, …parts of the query: a text, or the index of a pair]` */
type Parts = readonly [1, string, string | 0, ...(string | number)[]];

/** Names of filters. The others tell the page or how to answer, and there a value of the server's does not mean ours. */
const filter =
  /^(?:_(?:id|text|content|has|filter|list|in|source|tag|security|profile)(?![\w-])|(?!_|page|offset|skip))/i;

/** Names that tell how to answer, and no page. */
const manner = /^(?:$|_(?:count|format|pretty|sort|total|summary|elements|include|revinclude|contained))/;

/** The cursor of a page. */
export function cursorOf(search: Search, { path, query }: PagePlace): string {
  const all: Parts = [1, fingerprint(search), path === search.path ? 0 : path, ...partsOf(search, query)];
  return Buffer.from(JSON.stringify(all)).toString("base64url");
}

/** Whether the page begins behind a resource, and not behind a number of them, which moves when one is deleted. */
export function isKeyset(cursor: string): boolean {
  return cursorParts(cursor).some((part) => typeof part === "string" && part.startsWith("_after="));
}

/** The parts of a link's query, with the index of a pair for what is the search's. */
function partsOf({ pairs }: Search, query: string): readonly (string | number)[] {
  const texts = query.split("&");
  const theirs = texts.map(
    (text): readonly [string, string] => [...new URLSearchParams(text)][0] ?? ["", ""],
  );
  const texted = pairs.map((pair) => JSON.stringify(pair));
  const literal = texts.map((text, at) => {
    const index = texted.indexOf(JSON.stringify(theirs[at]));
    return index < 0 ? text : index;
  });
  const [own, its] = [placesByName(pairs), placesByName(theirs)];
  // A link leads on in the same search, so a filter in a form of the server's is ours. One more of its name tells the page.
  const asOurs = literal.map((part, at) => {
    const name = theirs[at]?.[0] ?? "";
    const [ours, all] = [own.get(name) ?? [], its.get(name) ?? []];
    return filter.test(name) && ours.length === all.length ? (ours[all.indexOf(at)] ?? part) : part;
  });
  // Where nothing else tells the page, a filter with another value does.
  const isTold = asOurs.some((part, at) => typeof part === "string" && !manner.test(theirs[at]?.[0] ?? ""));
  return isTold ? asOurs : literal;
}

function placesByName(pairs: Pairs): ReadonlyMap<string, readonly number[]> {
  const places = new Map<string, number[]>();
  for (const [at, [name]] of pairs.entries()) {
    const those = places.get(name);
    if (those === undefined) places.set(name, [at]);
    else those.push(at);
  }
  return places;
}

/**
 * The page that a cursor refers to.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if it does not belong to this search
 */
export function placeAt(search: Search, cursor: string): PagePlace {
  const parts = cursorParts(cursor);
  if (!isParts(parts)) throw refused("a cursor must be one that a page or a walk gave, got another text");
  const [, print, path, ...query] = parts;
  if (print !== fingerprint(search))
    throw refused("this cursor belongs to another search; use the same type and parameters");
  return {
    path: path === 0 ? search.path : path,
    query: query.map((part) => (typeof part === "string" ? part : ours(search, part))).join("&"),
  };
}

function ours({ pairs }: Search, index: number): string {
  const pair = pairs[index];
  if (pair === undefined) throw refused("a cursor must refer to what is searched for, got one that does not");
  return encoded(pair);
}

function isParts(value: readonly unknown[]): value is Parts {
  const [format, print, path, ...query] = value;
  const isPath = path === 0 || (typeof path === "string" && /^(?:\/[\w$-][\w$.-]*)*$/.test(path));
  return format === 1 && typeof print === "string" && isPath && query.every(isPart);
}

/** Visible characters of a query, except those that would end it or start another part. */
function isPart(part: unknown): boolean {
  return typeof part === "number" || (typeof part === "string" && /^[!"$%'-~]*$/.test(part));
}

/** Too short to reveal the search, long enough to detect a different one. */
function fingerprint({ version, path, pairs }: Search): string {
  return createHash("sha256")
    .update(JSON.stringify([version, path, pairs]))
    .digest("base64url")
    .slice(0, 5);
}

function refused(rule: string): LifecycleError {
  return invalidOption(`Cannot go on from a cursor: ${rule}`);
}
