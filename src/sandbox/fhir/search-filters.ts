/** The parameters of a search, as one test of a resource. */

import { type FhirVersion, isDeclaredParameter } from "./fhir-types.ts";
import { parseObject } from "./message.ts";
import { issue } from "./operation-outcome.ts";
import type { Carried } from "./plan.ts";
import { pagingNames } from "./query.ts";
import { searchParameter } from "./search-parameters.ts";
import { type Comparison, comparison } from "./search-values.ts";

/** What a search demands. */
export interface Filters {
  /** The demands as text: the same text, the same test. Empty: everything passes. */
  readonly name: string;
  /** Does a resource, as JSON, pass? */
  readonly matches: (text: string) => boolean;
}

/** What is searched, and what becomes of parameters that 1upHealth does not declare for it. */
export interface Searched {
  readonly version: FhirVersion;
  readonly type: string;
  readonly undeclared: "ignore" | "refuse";
}

type Filter = (resource: Readonly<Record<string, unknown>>) => boolean;

/** Reads the parameters of a search, or refuses one of them. Several with one name must all hold. */
export function readFilters(search: URLSearchParams, searched: Searched): Filters | Carried {
  const filters: Filter[] = [];
  const kept = new URLSearchParams();
  for (const [name, value] of search) {
    if (pagingNames.has(name) || value === "") continue;
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

/** One parameter; `undefined` if it is to be ignored. */
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
    // Better no answer than a wrong one: 1upHealth may well evaluate it.
    return issue(400, "not-supported", `The sandbox does not evaluate the search parameter "${name}"`);
  }
  const elements = (resource: object): unknown[] => parameter.paths.flatMap((path) => along(resource, path));
  if (modifier === "missing") {
    if (value !== "true" && value !== "false") return invalid(name, value);
    return (resource) => (elements(resource).length === 0) === (value === "true");
  }
  const target = targets.get(base);
  const any: Comparison[] = [];
  for (const one of value.split(/(?<!\\),/).filter((part) => part !== "")) {
    const compare = comparison(parameter.kind, modifier || (target ?? ""), one);
    if (compare === undefined) return invalid(name, one);
    any.push(compare);
  }
  const holds: Filter = (resource) => elements(resource).some((element) => any.some((one) => one(element)));
  return modifier === "not" ? (resource) => !holds(resource) : holds;
}

/** Reference parameters that mean one type. */
const targets: ReadonlyMap<string, string> = new Map([
  ["patient", "Patient"],
  ["encounter", "Encounter"],
]);

function invalid(name: string, value: string): Carried {
  return issue(400, "invalid", `Invalid value "${value}" of the search parameter "${name}"`);
}

/** The elements at the end of a path, lists flattened; the last step may name the system of a contact point. */
function along(from: unknown, path: string): unknown[] {
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
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  // An object's own member, whatever it is.
  return (value as Readonly<Record<string, unknown>>)[name];
}
