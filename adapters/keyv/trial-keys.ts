/**
 * Keys that an opening writes and removes, to find out whether the storage holds what the ids of users may be.
 *
 * @module
 */
import type { Writing } from "../../src/store/table-store/place-writes.ts";

/** After so long no opening needs its own any more, ms. */
const triedForMs = 600_000;
const isOne = /^(?:like|lik\u00E9|like\u0301)/iu;

/**
 * What an opening of this name, begun at `since`, writes. Only a careless storage takes two of the keys for one: they differ
 * by case, a trailing space, an accent in its two forms of Unicode, and characters beyond the first 65,536. Ids may differ in
 * no more than that.
 */
export function trials(opening: string, since: number): readonly Writing[] {
  return [
    `Like${opening}`,
    `lIKE${opening}`,
    `Like${opening} `,
    `Lik\u00E9${opening}`,
    `Like\u0301${opening}`,
    `Like\u{1F600}${opening}`,
    `Like\u{1F601}${opening}`,
  ].map((key) => writing(key, `${since}`));
}

/** The removals of those that openings before `since` have left. */
export function formerTrials(texts: ReadonlyMap<string, string>, since: number): readonly Writing[] {
  return [...texts]
    .filter(([key, at]) => isOne.test(key) && !(since - Number(at) < triedForMs))
    .map(([key]) => writing(key, ""));
}

/** Of an entry that no table has. */
function writing(key: string, after: string): Writing {
  return { place: { key, get: () => "", put() {} }, after };
}
