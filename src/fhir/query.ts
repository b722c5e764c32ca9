/**
 * Search parameters: validated, and encoded as a query.
 *
 * @module
 */
import { among, checkValue, invalid, isObject, kindOf, whole, wrong } from "../checks.ts";
import { isPlain, shown } from "./checks.ts";
import { classOf } from "./unwritable.ts";

/**
 * One value: `true`, `100`, `"ge2026-01-01"`, `"http://example.org/mrn|42"`. You write prefixes and modifiers
 * yourself.
 */
export type SearchValue = string | number | boolean;

/**
 * Search parameters by name. A list repeats the parameter (`{ date: ["ge2026-01-01", "lt2027-01-01"] }`). Names may
 * have a modifier or a chain: `"name:exact"`, `"subject:Patient.name"`. Values are encoded for you, `|` as `%7C`.
 *
 * A parameter without a value is rejected, because a search that lost its filter would return everything.
 */
export interface SearchParams {
  readonly [name: string]: SearchValue | readonly SearchValue[];
}

/** What of each resource a search returns. `false`: all of it; `count`: only how many there are. */
export type Summary = "true" | "text" | "data" | "count" | "false";

/** `"Observation:subject"`: a resource type and one of its reference parameters; `:Patient` may follow. */
export type Inclusion = `${string}:${string}`;

/** Search parameters for resources of one type. */
export type SearchParamsOf<R> = SearchParams & {
  /** The elements to return, with `id` and those that are mandatory. They are joined with commas. */
  readonly _elements?: string | readonly (keyof R & string)[];
  readonly _summary?: Summary;
  /** Also returns resources that the matches refer to: `included` of the page. */
  readonly _include?: Inclusion | readonly Inclusion[];
  /** Also returns resources that refer to the matches. */
  readonly _revinclude?: Inclusion | readonly Inclusion[];
};

/** A resource of which a search returns a part. `update()` refuses it. */
export type PartOf<R> = { readonly [K in keyof R]?: R[K] } & Pick<R, keyof R & "resourceType">;

/** What a search with these parameters finds: parts of resources, if `_elements` or `_summary` may be among them. */
export type FoundBy<R, P> = P extends unknown // each of a union by itself
  ? "_elements" extends keyof P
    ? PartOf<R>
    : "_summary" extends keyof P
      ? P extends { readonly _summary?: "false" }
        ? R
        : PartOf<R>
      : R
  : never;

/** Names and values, in the order in which they are sent. */
export type Pairs = readonly (readonly [name: string, value: string])[];

/** The most resources per page, and the default for a walk. */
export const longestPage = 100;

/** Beyond this `_skip`, 1upHealth returns an OperationOutcome. */
export const deepestSkip = 9_990;

const paramName = /^[A-Za-z_][\w.:-]{0,127}$/;

/** @throws {LifecycleError} `INVALID_OPTION` */
export function pairsOf(task: string, params: SearchParams): Pairs {
  const must = 'an object with a property for each, such as { name: "Ada" }';
  if (!isObject(params)) throw wrong(task, "search parameters", must, params);
  // A Map, URLSearchParams or a promise hold theirs elsewhere: without them the search would return everything.
  if (Symbol.iterator in params || (!isPlain(params) && Object.keys(params).length === 0))
    throw invalid(task, `search parameters must be ${must}`, `an instance of ${classOf(params)}`);
  return Object.entries(params).flatMap(([name, given]) => {
    if (!paramName.test(name))
      throw invalid(task, `the name of a search parameter must match ${paramName.source}`, shown(name));
    const values = valuesOf(name, given);
    if (values.length === 0) throw invalid(task, `${name} must have a value`, "an empty list");
    return values.map((value): [string, string] => [name, textOf(task, name, value)]);
  });
}

function valuesOf(name: string, given: unknown): readonly unknown[] {
  if (!Array.isArray(given)) return [given];
  const all: readonly unknown[] = given;
  const isJoined = name === "_elements" && all.length > 0 && all.every((one) => typeof one === "string");
  return isJoined ? [all.join(",")] : all; // it may not be repeated
}

function textOf(task: string, name: string, value: unknown): string {
  if (name === "_count") return within(task, name, value, 1, longestPage);
  if (name === "_skip") return within(task, name, value, 0, deepestSkip);
  if (name === "_summary")
    return String(checkValue(task, name, typeof value === "boolean" ? String(value) : value, aSummary));
  if (typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value)))
    return String(value);
  if (typeof value === "string" && value !== "" && value.isWellFormed()) return value;
  throw invalid(task, `${name} must be text, a finite number, a boolean, or a list of them`, unfit(value));
}

/** In words, without what may identify a person. */
function unfit(value: unknown): string {
  if (typeof value === "string") return value === "" ? "an empty text" : "half a character";
  if (typeof value === "number") return String(value); // NaN, or without end
  if (Array.isArray(value)) return "a list in a list";
  if (value instanceof Date) return 'a Date; write it as text, such as "ge2026-01-31"';
  return isObject(value) && !isPlain(value) ? `an instance of ${classOf(value)}` : kindOf(value);
}

const aSummary = among("true", "text", "data", "count", "false");

function within(task: string, name: string, value: unknown, least: number, most: number): string {
  const number = typeof value === "string" && /^\d{1,6}$/.test(value) ? Number(value) : value;
  const { must, holds } = whole(least, most);
  if (holds(number)) return String(number);
  throw wrong(task, name, name === "_skip" ? `${must}, and searchAll() goes further` : must, value);
}

/** One pair, encoded for a query. */
export function encoded([name, value]: readonly [string, string]): string {
  return `${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
}

/** Parameters by which OAuth2 sends secrets in a URL (RFC 6750, 2.3). Ours travel in headers. */
const secrets: ReadonlySet<string> = new Set(["access_token", "client_secret", "refresh_token"]);

/** A query that a server sent, without those. */
export function withoutSecrets(query: string): string {
  const isSecret = (part: string): boolean => secrets.has([...new URLSearchParams(part).keys()][0] ?? "");
  if (!/_token|_secret|%/.test(query)) return query;
  const parts = query.split("&");
  return parts.filter((part) => !isSecret(part)).join("&");
}

/** The query, without its question mark. */
export function queryOf(pairs: Pairs): string {
  return pairs.map(encoded).join("&");
}
