/**
 * Reads a slot log as the scripts return it.
 *
 * @module
 */
import { lanes, type Lane } from "../../src/store/contract.ts";
import type { KeptLog } from "../../src/store/slot-log.ts";
import type { Reply } from "./connection.ts";

/** Builds the log from its head and its `moment:lane` fields. */
export function logOf(pairs: readonly Reply[]): KeptLog {
  const moments = new Map<number, [at: number, interactive: number, recovery: number, bulk: number]>();
  const head = new Map<string, number>();
  for (let n = 0; n < pairs.length; n += 2) {
    const [moment, lane] = String(pairs[n]).split(":");
    if (lane === undefined) {
      head.set(String(pairs[n]), Number(pairs[n + 1])); // a head field or a sum
      continue;
    }
    const at = Number(moment);
    const counts = moments.get(at) ?? [at, 0, 0, 0];
    counts[1 + lanes.indexOf(lane as Lane)] = Number(pairs[n + 1]); // a lane's column, never the moment
    moments.set(at, counts);
  }
  return {
    windowMs: head.get("window") ?? 0,
    askedAt: head.get("asked") ?? 0,
    takenAt: head.get("taken") ?? 0,
    moments: [...moments.values()].sort(([one], [other]) => one - other),
    former: null,
  };
}
