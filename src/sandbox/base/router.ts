/** Tells calls by method and path. */

/**
 * What returns the name of the first call with a route that fits, such as `GET Patient * $everything`: a method, and the
 * segments of a path. `*` is a type or an id.
 */
export function router<Name extends string>(
  routes: Readonly<Record<Name, readonly string[]>>,
): (method: string, path: readonly string[]) => Name | undefined {
  const all = Object.entries<readonly string[]>(routes).flatMap(([name, its]) =>
    its.map((route) => ({ name: name as Name, steps: route.split(" ") })),
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
