/** Lists of users for imports. */

/** Limits that hold no list up. */
export const plenty = { limits: { management: { calls: 10_000, windowMs: 3_600_000 } } };

/** `user 0`, `user 1`, … */
export function people(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => `user ${from + index}`);
}
