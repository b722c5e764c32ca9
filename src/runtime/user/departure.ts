/**
 * What a user's record says of its departure, for its receipt: noted in the commit in which it becomes offboarded, so
 * neither a crash nor a new sign-up loses it.
 *
 * @module
 */
import type { Erasure, Leaving } from "../../store/envelope.ts";
import type { Position } from "./step.ts";

/** The leave of a user that moves to this position. */
export function leavingAt(
  user: {
    readonly position: Position;
    readonly leaving: Leaving | null;
    readonly erased: readonly Erasure[];
  },
  position: Position,
  at: number,
): Leaving | null {
  const { leaving, erased } = user;
  if (leaving === null || leaving.done !== null || position.state !== "offboarded") return leaving;
  const { purged, unpurged } = position.context;
  const { oneupUserId } = user.position.context; // the position may know it no more
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
