/**
 * Reads a slot log as the scripts return it.
 *
 * @module
 */
import type { Lane } from "../../src/store/contract.ts";
import { momentsOf, type KeptLog } from "../../src/store/slot-log.ts";
import type { Reply } from "./connection.ts";

/** Builds the log from its head and its `moment:lane` fields. */
export function logOf(pairs: readonly Reply[]): KeptLog {
  const head = new Map<string, number>();
  let moves: KeptLog["moves"] = [];
  let seen: KeptLog["seen"] = {};
  const slots: [at: number, lane: Lane, calls: number][] = [];
  for (let n = 0; n < pairs.length; n += 2) {
    const [name = "", lane] = String(pairs[n]).split(":");
    if (name === "moves") {
      moves = JSON.parse(String(pairs[n + 1])) as KeptLog["moves"];
      continue;
    }
    if (name === "seen") {
      seen = JSON.parse(String(pairs[n + 1])) as KeptLog["seen"]; // written by one of our scripts
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
    movedMs: head.get("moved") ?? 0,
    moves,
    seen,
    former: null,
  };
}
