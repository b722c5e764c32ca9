/**
 * What a user's record tells of its departure, for its receipt: noted in the commit in which it becomes offboarded, so
 * neither a crash nor a new sign-up loses it. And what no longer holds once it starts over: that it was exported.
 *
 * @module
 */
import type { Erasure, ExportMark, Leaving } from "../../store/envelope.ts";
import type { UserEvent } from "../../../machines/index.ts";
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
  // seam: a-departure-is-noted-once
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

/** Which exports have finished the data of a user, and when it started over. */
interface Exported {
  readonly exports: readonly ExportMark[];
  readonly restarted: number | null;
}

/**
 * The same once the user moves to this position. If it starts over, or turns out to have another number, no export has
 * finished the data that it has from then on.
 */
export function unexportedAt(
  { exports, restarted, position: { state, context } }: Exported & { readonly position: Position },
  position: Position,
  { type, at }: UserEvent,
): Exported {
  if (state === "offboarded" && (type === "ONBOARD" || type === "ADOPTED"))
    return { exports: [], restarted: at };
  const { oneupUserId } = position.context;
  const isAnother =
    context.oneupUserId !== null && oneupUserId !== null && oneupUserId !== context.oneupUserId;
  return { exports: isAnother ? [] : exports, restarted };
}
