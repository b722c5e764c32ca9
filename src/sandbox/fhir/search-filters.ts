/**
 * Turns the parameters of a search into one filter, which compares elements of a resource with search values, by the kind of
 * the parameter.
 */
import { isObject } from "../../checks.ts";
import { type FhirVersion, isDeclaredParameter } from "../resources/served-types.ts";
import { parseObject } from "../base/message.ts";
import { issue } from "./operation-outcome.ts";
import type { Carried } from "../base/plan.ts";
import { pagingNames, resultNames } from "./read-query.ts";
import { isInSpan, spanOf, spanOfElement } from "./date-span.ts";
import { searchParameter, type ParameterKind } from "./search-parameter.ts";
import { wordsIn } from "../../capabilities/declared.ts";

/** The filter of a search. */
export interface SearchFilters {
  /** A cache key: equal names mean equal filters. Empty: no filter. */
  readonly name: string;
  /** Whether a resource, given as JSON, passes. */
  readonly matches: (text: string) => boolean;
}

/** The searched type, and how to treat parameters that 1upHealth does not declare for it. */
export interface Searched {
  readonly version: FhirVersion;
  readonly type: string;
  readonly undeclared: "ignore" | "refuse";
}

type Filter = (resource: Readonly<Record<string, unknown>>) => boolean;

/** Parses the parameters of a search, or refuses one of them. Repeated parameters must all match. */
export function readFilters(search: URLSearchParams, searched: Searched): SearchFilters | Carried {
  const filters: Filter[] = [];
  const kept = new URLSearchParams();
  for (const [name, value] of search) {
    if (pagingNames.has(name) || resultNames.has(name) || value === "") continue;
    const filter = readFilter(name, value, searched);
    if (filter === undefined) continue;
    if (typeof filter !== "function") return filter;
    filters.push(filter);
    kept.append(name, value);
  }
  const matches = (text: string): boolean => {
    const resource = parseObject(text);
    return resource !== undefined && filters.every((filter) => filter(resource));
  };
  return { name: kept.toString(), matches };
}

/** One parameter; `undefined` if it is ignored. */
function readFilter(
  name: string,
  value: string,
  { version, type, undeclared }: Searched,
): Filter | Carried | undefined {
  const [base = "", modifier = ""] = name.split(":", 2);
  if (!isDeclaredParameter(version, type, base)) {
    if (undeclared === "ignore") return undefined;
    return issue(400, "not-supported", `Unknown search parameter "${name}"`);
  }
  const parameter = searchParameter(type, base);
  if (parameter === undefined) {
    // Better an error than a wrong result: 1upHealth may well evaluate it.
    return issue(400, "not-supported", `The sandbox does not evaluate the search parameter "${name}"`);
  }
  const elements = (resource: object): unknown[] => parameter.paths.flatMap((path) => along(resource, path));
  if (modifier === "missing") {
    if (value !== "true" && value !== "false") return invalid(name, value);
    return (resource) => (elements(resource).length === 0) === (value === "true");
  }
  const target = targets.get(base);
  const any: SearchComparison[] = [];
  for (const one of value.split(/(?<!\\),/).filter((part) => part !== "")) {
    const compare = comparison(parameter.kind, modifier || (target ?? ""), one);
    if (compare === undefined) return invalid(name, one);
    any.push(compare);
  }
  const holds: Filter = (resource) => elements(resource).some((element) => any.some((one) => one(element)));
  return modifier === "not" ? (resource) => !holds(resource) : holds;
}

/** Reference parameters that imply a type. */
const targets: ReadonlyMap<string, string> = new Map([
  ["patient", "Patient"],
  ["encounter", "Encounter"],
]);

function invalid(name: string, value: string): Carried {
  return issue(400, "invalid", `Invalid value "${value}" of the search parameter "${name}"`);
}

/** The elements at the end of a path, lists flattened; the last step may name the system of a contact point. */
export function along(from: unknown, path: string): unknown[] {
  let found: unknown[] = [from];
  for (const step of path.split(".")) {
    const [name = "", system] = step.split(":");
    found = found.flatMap((one) => {
      const next = field(one, name);
      const list: unknown[] = Array.isArray(next) ? next : [next];
      return list.filter(
        (each) => each !== undefined && (system === undefined || field(each, "system") === system),
      );
    });
  }
  return found;
}

function field(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** Whether an element matches the value. */
export type SearchComparison = (element: unknown) => boolean;

const prefixes = /^(eq|ne|gt|lt|ge|le)(?=[\d-])/;

/** The prefix of a date or number (default `eq`), and the rest. */
function prefixed(value: string): readonly [prefix: string, rest: string] {
  const prefix = prefixes.exec(value)?.[1];
  return prefix === undefined ? ["eq", value] : [prefix, value.slice(2)];
}

/** The comparison with `value`; `undefined` if the kind does not support the value or its modifier. */
function comparison(kind: ParameterKind, modifier: string, value: string): SearchComparison | undefined {
  if (kind === "string") return text(modifier, unescaped(value));
  if (kind === "reference") return reference(modifier, value);
  const isNegated = kind === "token" && modifier === "not"; // by its caller
  return modifier === "" || isNegated ? plain[kind](value) : undefined;
}

/** The kinds that know no modifier of their own. */
const plain = {
  token,
  date,
  quantity,
  uri:
    (value: string): SearchComparison =>
    (element) =>
      element === unescaped(value),
} as const;

/** `code`, `system|code`, `|code` (without a system) or `system|` (any code of the system). */
function token(value: string): SearchComparison {
  const [first = "", second] = value.split(/(?<!\\)\|/, 2).map(unescaped);
  const system = second === undefined ? undefined : first;
  const code = second ?? first;
  return (element) =>
    codings(element).some(
      (one) => (code === "" || one.code === code) && (system === undefined || one.system === system),
    );
}

/** The codes of a code, Coding, CodeableConcept, Identifier or ContactPoint. */
export function codings(element: unknown): readonly { readonly system: string; readonly code: string }[] {
  if (!isObject(element)) return [{ system: "", code: String(element) }];
  const { coding, system, value, code = value } = element;
  if (coding !== undefined) return Array.isArray(coding) ? coding.flatMap(codings) : [];
  return typeof code === "string" ? [{ system: typeof system === "string" ? system : "", code }] : [];
}

/** Starts with the value, ignoring case and accents; with a modifier: contains it, or equals it exactly. */
function text(modifier: string, value: string): SearchComparison | undefined {
  const wanted = folded(value);
  const matching = (matches: (text: string) => boolean): SearchComparison => {
    return (element) => texts(element).some(matches);
  };
  if (modifier === "") return matching((one) => folded(one).startsWith(wanted));
  if (modifier === "contains") return matching((one) => folded(one).includes(wanted));
  return modifier === "exact" ? matching((one) => one === value) : undefined;
}

/** The text parts of a name or an address. */
const readable = new Set(
  wordsIn("text family given prefix suffix line city district state postalCode country"),
);

export function texts(element: unknown): readonly string[] {
  if (typeof element === "string") return [element];
  if (!isObject(element)) return [];
  const parts = Object.entries(element).filter(([name]) => readable.has(name));
  return parts.flatMap(([, part]) => (Array.isArray(part) ? part.flatMap(texts) : texts(part)));
}

/** A text as it is compared: without case and accents. */
export function folded(value: string): string {
  return value.normalize("NFD").replaceAll(/\p{M}/gu, "").toLowerCase();
}

/** `id`, `Type/id` or an absolute URL; the modifier may name the type. */
function reference(modifier: string, value: string): SearchComparison | undefined {
  if (!/^([A-Z][A-Za-z]*)?$/.test(modifier)) return undefined; // no chain
  const wanted = unescaped(value);
  const full = modifier === "" || wanted.includes("/") ? wanted : `${modifier}/${wanted}`;
  return (element) => {
    const found = isObject(element) && element["reference"];
    return typeof found === "string" && (found === full || found.endsWith(`/${full}`));
  };
}

function date(value: string): SearchComparison | undefined {
  const [prefix, rest] = prefixed(value);
  const wanted = spanOf(rest);
  if (wanted === undefined) return undefined;
  return (element) => {
    const span = spanOfElement(element);
    return span !== undefined && isInSpan(prefix, span, wanted);
  };
}

/** `5.4`, or `5.4|system|code`, with a prefix; numbers compare by value, not by precision. */
function quantity(value: string): SearchComparison | undefined {
  const [prefix, rest] = prefixed(value);
  const [digits = "", system = "", code = ""] = rest.split("|").map(unescaped);
  const wanted = Number(digits);
  if (digits === "" || Number.isNaN(wanted)) return undefined;
  return (element) => {
    if (!isObject(element)) return false;
    const { value: found, system: itsSystem, code: itsCode, unit } = element;
    if (typeof found !== "number" || (system !== "" && itsSystem !== system)) return false;
    if (code !== "" && itsCode !== code && unit !== code) return false;
    return isInSpan(prefix, { from: found, to: found }, { from: wanted, to: wanted });
  };
}

function unescaped(value: string): string {
  return value.replaceAll(/\\([\\,|$])/g, "$1");
}
