/**
 * Reads a slot log as the scripts return it.
 *
 * @module
 */
import type { Lane } from "../../src/store/contract.ts";
import { momentsOf, type Correction, type KeptLog } from "../../src/store/slot-log.ts";
import type { Reply } from "./connection.ts";

/** Builds the log from its head and its `moment:lane` fields. */
export function logOf(pairs: readonly Reply[]): KeptLog {
  const head = new Map<string, number>();
  let corrections: readonly Correction[] = [];
  const slots: [at: number, lane: Lane, calls: number][] = [];
  for (let n = 0; n < pairs.length; n += 2) {
    const [name = "", lane] = String(pairs[n]).split(":");
    if (name === "corrected") {
      corrections = JSON.parse(String(pairs[n + 1])) as readonly Correction[]; // written by one of our scripts
      continue;
    }
    const value = Number(pairs[n + 1]);
    if (lane === undefined) head.set(name, value); // a head field or a sum
    else slots.push([Number(name), lane as Lane, value]);
  }
  return {
    windowMs: head.get("window") ?? 0,
    askedAt: head.get("asked") ?? 0,
    takenAt: head.get("taken") ?? 0,
    moments: momentsOf(slots),
    corrections,
    former: null,
  };
}
