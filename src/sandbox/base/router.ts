/** Tells calls by method and path. */

import type { Carried } from "./plan.ts";

/** A call: what it is told by, such as `GET Patient * $everything`, and how it is carried out. */
export interface Routed<Asked> {
  /** A method, and the segments of a path; `*` is a type or an id. */
  readonly routes: readonly string[];
  readonly carryOut: (asked: Asked) => Carried;
}

/** What returns the name of the first of these calls with a route that fits. */
export function router<Name extends string>(
  calls: Readonly<Record<Name, Pick<Routed<never>, "routes">>>,
): (method: string, path: readonly string[]) => Name | undefined {
  const all = Object.entries<Pick<Routed<never>, "routes">>(calls).flatMap(([name, { routes }]) =>
    routes.map((route) => ({ name: name as Name, steps: route.split(" ") })),
  ); // its keys
  return (method, path) => {
    const asked = [method, ...path];
    const fits = (step: string, index: number): boolean => isStep(step, asked[index] ?? "");
    return all.find(({ steps }) => steps.length === asked.length && steps.every(fits))?.name;
  };
}

function isStep(step: string, segment: string): boolean {
  return step === segment || (step === "*" && segment !== "" && segment !== "_history");
}
