/** How deep a resource may nest. */

/** Levels of objects and arrays that a resource may have. */
export const deepest: number = 100;

/** Parsing survives any depth, writing does not: such a resource must not get in. */
export function isDeeper(value: unknown, levels: number = deepest): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1));
}
