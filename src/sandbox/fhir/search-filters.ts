/** Turns the parameters of a search into one filter. */

import { isObject } from "../../checks.ts";
import { type FhirVersion, isDeclaredParameter } from "../resources/served-types.ts";
import { parseObject } from "../base/message.ts";
import { issue } from "./operation-outcome.ts";
import type { Carried } from "../base/plan.ts";
import { pagingNames, resultNames } from "./read-query.ts";
import { searchParameter } from "./search-parameter.ts";
import { type SearchComparison, comparison } from "./search-comparison.ts";

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
