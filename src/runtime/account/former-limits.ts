/**
 * The limit before its window was extended. The log of calls covers only the former window: earlier calls are unknown and
 * count as if the former limit had been used up, so the longer window comes into force gradually.
 *
 * @module
 */
import type { Json } from "../../store/contract.ts";
import { isCount, isObject, objectIn } from "../../store/guards.ts";
import type { Ceiling } from "../options/account-limits.ts";

/** The previous limit, and when it ended, ms since 1970. */
export interface FormerLimit extends Ceiling {
  readonly at: number;
}

/** Former limits by the name of the limit. */
export type FormerLimits = Readonly<Record<string, FormerLimit>>;

/** The former limits in the account's record. */
export function readFormer(value: Json): FormerLimits {
  return Object.fromEntries(
    Object.entries(objectIn(value, "formerLimits")).flatMap(([name, former]) => {
      if (!isObject(former)) return [];
      const { calls, windowMs, at } = former;
      const reads = isCount(calls) && typeof windowMs === "number" && windowMs >= 1 && typeof at === "number";
      return reads ? [[name, { calls, windowMs, at }] as const] : [];
    }),
  );
}

/** The former limit to record when `next` replaces `old` at `at`; `undefined`: none. */
export function formerOf(
  old: Ceiling,
  next: Ceiling,
  at: number,
  known: FormerLimit | undefined,
): FormerLimit | undefined {
  if (next.windowMs <= old.windowMs) return known;
  // While an earlier change still has effect, the limit with the higher rate may have been used.
  const isBusier = known !== undefined && known.calls / known.windowMs > old.calls / old.windowMs;
  const isOver = known === undefined || known.at + old.windowMs <= at;
  const { calls, windowMs } = isBusier && !isOver ? known : old;
  return { calls, windowMs, at };
}

/** The limit that applies at `now`: at least one call, so that calls never stop altogether. */
export function limitWhileExtending(limit: Ceiling, former: FormerLimit | undefined, now: number): Ceiling {
  if (former === undefined) return limit;
  const used = former.calls * Math.ceil(unknownMs(limit, former, now) / former.windowMs);
  return used === 0 ? limit : { ...limit, calls: Math.max(1, limit.calls - used) };
}

/** How it grows after `now`: in how many ms, and to what. */
export function growthOf(
  limit: Ceiling,
  former: FormerLimit | undefined,
  now: number,
): readonly (readonly [inMs: number, limit: Ceiling])[] {
  if (former === undefined) return [];
  const ms = unknownMs(limit, former, now);
  const windows = Math.min(Math.ceil(ms / former.windowMs), Math.ceil(limit.calls / former.calls));
  return Array.from({ length: windows }, (_, index) => {
    const left = windows - 1 - index;
    return [ms - left * former.windowMs, { ...limit, calls: limit.calls - left * former.calls }];
  });
}

/** How much of the window that ends at `now` is from before the log, ms. */
function unknownMs({ windowMs }: Ceiling, former: FormerLimit, now: number): number {
  return Math.max(0, former.at - former.windowMs - (now - windowMs));
}
