/**
 * A position in a walk as a short text, so that another process can resume it. It holds what the server's link added
 * to the search and refers to the rest by index: the caller passes the same search again, so its values, which may
 * identify a patient, are not in the cursor. It holds no secret.
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

/** The cursor of a page. */
export function cursorOf(search: Search, { path, query }: PagePlace): string {
  const ours = search.pairs.map(([name, value]) => JSON.stringify([name, value]));
  const parts = query.split("&").map((part) => {
    const [pair] = new URLSearchParams(part);
    const index = pair === undefined ? -1 : ours.indexOf(JSON.stringify(pair));
    return index < 0 ? part : index;
  });
  const all: Parts = [1, fingerprint(search), path === search.path ? 0 : path, ...parts];
  return Buffer.from(JSON.stringify(all)).toString("base64url");
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
