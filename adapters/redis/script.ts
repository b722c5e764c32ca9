/**
 * A script in Lua.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { longestLeaseMs } from "../../src/store/row-rules.ts";
import {
  aheadMs,
  keptMoves,
  longestHoldMs,
  mostSeen,
  seenAgainMs,
  seenForMs,
  stepMs,
  takenNoteMs,
} from "../../src/store/slot-log.ts";
import { names, permitted } from "./lua/rows.ts";

/**
 * A script and its properties. The last argument of a script that writes a record, leases one or takes a slot is the
 * start of the account's record, see `accountStart()`.
 */
export interface Script {
  readonly text: string;
  readonly sha: string;
  /** For error messages. */
  readonly doing: "read" | "write to";
  /** Whether the script is idempotent, so that it may be sent again when its answer was lost. */
  readonly repeatable: boolean;
}

/** Bounds for clock differences, ms. */
const bounds = `local longestLeaseMs, longestHoldMs = ${longestLeaseMs}, ${longestHoldMs}
local aheadMs, takenNoteMs = ${aheadMs}, ${takenNoteMs}
local stepMs, seenForMs, seenAgainMs = ${stepMs}, ${seenForMs}, ${seenAgainMs}
local keptMoves, mostSeen = ${keptMoves}, ${mostSeen}
`;

/** A script of these parts. */
export function script(doing: Script["doing"], repeatable: boolean, ...parts: readonly string[]): Script {
  const text = [names, doing === "read" ? "" : permitted, bounds, ...parts].join("");
  return { text, sha: createHash("sha1").update(text).digest("hex"), doing, repeatable };
}
