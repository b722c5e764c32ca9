/** The order of a search: `_sort=family,-birthdate` (FHIR R4, 3.1.1.5.1). */

import { isObject } from "../../checks.ts";
import type { Carried } from "../base/plan.ts";
import { parseObject } from "../base/message.ts";
import { isDeclaredParameter } from "../resources/served-types.ts";
import { spanOfElement } from "./date-span.ts";
import { issue } from "./operation-outcome.ts";
import { along, codings, folded, texts, type Searched } from "./search-filters.ts";
import { searchParameter, type ParameterKind, type SearchParameter } from "./search-parameter.ts";

/** Sorts items by the resources that they stand for, given as JSON. Those without a value come last. */
export type SortOrder = <T>(items: readonly T[], textOf: (item: T) => string) => readonly T[];

type SortKey = string | number;

interface Criterion extends SearchParameter {
  readonly isDescending: boolean;
}

/** Parses `_sort`, or refuses it. */
export function sortOrder(sort: string | null, { version, type }: Searched): SortOrder | Carried {
  const criteria: Criterion[] = [];
  for (const part of sort?.split(",") ?? []) {
    const name = part.replace(/^-/, "");
    const parameter = isDeclaredParameter(version, type, name) ? searchParameter(type, name) : undefined;
    // Better an error than a wrong order.
    if (parameter === undefined) return issue(400, "not-supported", `The sandbox does not sort by "${name}"`);
    criteria.push({ ...parameter, isDescending: name !== part });
  }
  if (criteria.length === 0) return (items) => items;
  return (items, textOf) =>
    items
      .map((item) => {
        const resource = parseObject(textOf(item));
        return { item, keys: criteria.map((criterion) => keyOf(resource, criterion)) };
      })
      .sort((one, other) => {
        for (const [index, { isDescending }] of criteria.entries()) {
          const order = compared(one.keys[index], other.keys[index], isDescending);
          if (order !== 0) return order;
        }
        return 0;
      })
      .map(({ item }) => item);
}

function compared(one: SortKey | undefined, other: SortKey | undefined, isDescending: boolean): number {
  if (one === other) return 0;
  if (one === undefined || other === undefined) return one === undefined ? 1 : -1;
  return one < other === isDescending ? 1 : -1;
}

/** Of several values the one that comes first. */
function keyOf(resource: object | undefined, { kind, paths, isDescending }: Criterion): SortKey | undefined {
  const elements = paths.flatMap((path) => along(resource, path));
  const keys = elements.flatMap((element) => keysOf(element, kind, isDescending));
  return keys.sort((one, other) => compared(one, other, isDescending))[0];
}

function keysOf(element: unknown, kind: ParameterKind, isDescending: boolean): readonly SortKey[] {
  switch (kind) {
    case "date": {
      const span = spanOfElement(element);
      return span === undefined ? [] : [isDescending ? span.to : span.from];
    }
    case "string":
      return texts(element).map(folded);
    case "token":
      return codings(element).map(({ code }) => code);
    default: {
      const value = isObject(element) ? element[kind === "quantity" ? "value" : "reference"] : element;
      return typeof value === "string" || typeof value === "number" ? [value] : [];
    }
  }
}
