/**
 * What is done, left and not carried out of a purge, and how its refusals last.
 *
 * @module
 */
import type { UserContext } from "./user.ts";

/** The versions erased once the first remaining one is done. */
export const purgedWith = ({ purged, toPurge }: UserContext): readonly string[] => [
  ...(purged ?? []),
  ...(toPurge?.slice(0, 1) ?? []),
];

/**
 * The requested and remaining versions that are not erased yet.
 *
 * @example
 * ```ts
 * import { leftToPurge, nothingKnown } from "oneup-lifecycle/machines";
 *
 * const halfway = { ...nothingKnown, toPurge: ["r4"], purged: ["dstu2"] };
 * console.log(leftToPurge(halfway, ["dstu2", "stu3"])); // [ "r4", "stu3" ]
 * ```
 */
export function leftToPurge({ toPurge, purged }: UserContext, asked: readonly string[]): readonly string[] {
  const all = new Set([...(toPurge ?? []), ...asked]);
  return [...all].filter((version) => purged?.includes(version) !== true);
}

/** What was requested of a purge and is not carried out, for this reason. */
export const unpurgedFor = (
  { toPurge, unpurged }: UserContext,
  why: NonNullable<UserContext["unpurged"]>["why"],
): UserContext["unpurged"] => {
  if (toPurge === null || toPurge.length === 0) return unpurged;
  const versions = [...new Set([...(unpurged?.versions ?? []), ...toPurge])];
  // seam: a-purge-that-was-not-carried-out-is-remembered
  return { versions, why };
};

/** What was not carried out before, without these versions, which are requested again. */
export const unpurgedWithout = (
  { unpurged }: UserContext,
  versions: readonly string[],
): UserContext["unpurged"] => {
  const left = unpurged?.versions.filter((version) => !versions.includes(version)) ?? [];
  return unpurged === null || left.length === 0 ? null : { ...unpurged, versions: left };
};

/** Refusals of a purge last while it is looked up once more whose data it would erase. */
export const ofPurge = ({ refusals }: UserContext): UserContext["refusals"] =>
  refusals?.ofPurge === true ? refusals : null;
