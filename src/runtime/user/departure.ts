/**
 * What a user's record keeps about its departure, for its receipt. It is written in the commit in which the user becomes
 * offboarded, so neither a crash nor a new sign-up loses it. Once the user starts over, its earlier exports no longer
 * count.
 *
 * @module
 */
import type { Erasure, ExportMark, Leaving } from "../../store/envelope.ts";
import type { UserEvent } from "../../../machines/index.ts";
import type { Position } from "./step.ts";

/** What a user's record keeps for its departure, and until it starts over. */
export interface Departing {
  /** When it started over after it was offboarded or forgotten, ms since 1970; `null`: it never did. */
  readonly restarted: number | null;
  /** The exports that have finished it since it started over, oldest first. */
  readonly exports: readonly ExportMark[];
  /** What was erased at 1upHealth, the last time of each version. */
  readonly erased: readonly Erasure[];
  /** The leave that it belongs to, if any. */
  readonly leaving: Leaving | null;
}

/** A user, before it moves. */
type Before = Departing & { readonly position: Position };

/** The leave of a user that moves to this position. */
export function leavingAt(
  { erased, leaving, position: before }: Before,
  position: Position,
  at: number,
): Leaving | null {
  // seam: a-departure-is-noted-once
  if (leaving === null || leaving.done !== null || position.state !== "offboarded") return leaving;
  const { purged, unpurged } = position.context;
  const { oneupUserId } = before.context; // the position may know it no more
  return {
    ...leaving,
    done: {
      at,
      oneupUserId,
      purged: erased.filter(({ version }) => purged?.includes(version) === true),
      skipped: unpurged && { versions: unpurged.versions, why: unpurged.why },
    },
  };
}

/**
 * Which exports have finished the data of a user that moves to this position, and when it started over. If it starts
 * over, or its number changes or is dropped, no export has finished the data that it has from then on.
 */
export function unexportedAt(
  { exports, restarted, position: { state, context } }: Omit<Before, "erased" | "leaving">,
  position: Position,
  { type, at }: UserEvent,
): Pick<Departing, "exports" | "restarted"> {
  if (state === "offboarded" && (type === "ONBOARD" || type === "ADOPTED"))
    return { exports: [], restarted: at };
  const isSame = position.context.oneupUserId === context.oneupUserId;
  return { exports: isSame ? exports : [], restarted };
}
