/** The maximum nesting of a resource. */

/** Levels of objects and arrays that a resource may have. */
export const deepest: number = 100;

/** Parsing copes with any depth, serialising does not: such a resource must be refused. */
export function isDeeper(value: unknown, levels: number = deepest): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1));
}
