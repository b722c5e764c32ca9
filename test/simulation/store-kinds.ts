/** Kinds of fault with the store itself: it takes no writes for a while, or its clock jumps. */
import type { Kind } from "./kinds.ts";
import { hour, minute, second } from "./time.ts";

const day = 24 * hour;

export const storeKinds = {
  /** The store answers reads and takes no writes: its disk is full, or it has become a replica. */
  noWrites: {
    share: 0.08,
    writes: (dice) => {
      const atMs = dice.between(0, 4 * hour);
      const forMs = dice.pick([dice.between(20 * second, 3 * minute), dice.between(3 * minute, 2 * hour)]);
      return (ms) => ms < atMs || ms >= atMs + forMs;
    },
  },
  /** The store takes no writes every other minute, answers take long, and processes end in order again and again. */
  endsMeanwhile: {
    share: 0.04,
    alone: 1,
    writes: (dice) => {
      const everyMs = dice.between(60 * second, 90 * second);
      const forMs = dice.between(20 * second, 40 * second);
      return (ms) => ms % everyMs >= forMs;
    },
    answer: (_, dice) => (dice.hits(0.5) ? { delayMs: dice.between(5 * second, 20 * second) } : undefined),
    restarts: (dice) => {
      const all: number[] = [];
      for (let at = 0; at < 4 * hour; at += dice.between(3 * minute, 9 * minute)) all.push(at);
      return all;
    },
  },
  /** The store is emptied under its processes, and sometimes one of them has initialised it again: see `emptying.ts`. */
  emptied: { share: 0.03, alone: 1, emptied: (dice) => dice.between(minute, 4 * hour) },
  /** The store's clock jumps by a day: for a moment, for some minutes, or back. */
  jumpingStoreClock: {
    share: 0.08,
    alone: 0.5,
    storeClock: (dice) => {
      const atMs = dice.between(minute, 4 * hour);
      const by = dice.pick([day, day, -day]);
      const forMs = dice.pick([1, 20 * second, 10 * minute]);
      return (ms) => (ms >= atMs && ms < atMs + forMs ? by : 0);
    },
  },
} satisfies Readonly<Record<string, Kind>>;

/** Kinds of fault with a store's server. */
export const serverKinds = {
  /** Its clock is set by seconds or minutes, forward or back, while its processes run, and often set right later. */
  serverClock: {
    share: 0.04,
    alone: 1, // a process that has just started cannot know
    serverClock: (dice) => {
      const steps = Array.from({ length: dice.between(1, 12) }, () => {
        const atMs = dice.between(minute, 5 * hour);
        const by = dice.pick([3, 8, 20, 50, 59, 59, 90, 180, 1_000, -2, -40, -58, -58]) * second;
        const undone = { atMs: atMs + dice.between(minute, hour), by: -by };
        const isUndone = Math.abs(by) > 2 * second && Math.abs(by) < minute && dice.hits(0.4);
        return isUndone ? [{ atMs, by }, undone] : [{ atMs, by }];
      }).flat();
      return (ms) => steps.reduce((sum, { atMs, by }) => (ms >= atMs ? sum + by : sum), 0);
    },
  },
} satisfies Readonly<Record<string, Kind>>;
