/**
 * Lets a user go: its secrets are erased at once, then, if the application asks for it, what it has at 1upHealth. The
 * purge stands in the record, so whoever works on users goes on with it, after a crash as after a cut. It begins with the
 * question who the user is there: a purge goes by the number, which may never have been heard of, or be another user's
 * by now.
 *
 * @module
 */
import { isPurging, leftToPurge } from "../../machines/index.ts";
import type { FhirVersion } from "../fhir/versions.ts";
import type { StoredRecord } from "../store/contract.ts";
import { heardByNobody } from "./act.ts";
import { firstLookMs, longestLookMs } from "./arrive.ts";
import type { Arrival, Patience } from "./arrive.ts";
import { untilAtRest } from "./at-rest.ts";
import { readOrBereft } from "./bereft.ts";
import { newLease } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { load } from "./load.ts";
import type { Found } from "./load.ts";
import { renaming } from "./renaming.ts";
import { restingPlace } from "./rest.ts";
import { save } from "./save.ts";
import { stepped } from "./user.ts";
import type { User } from "./user.ts";
import { shared } from "./verdict.ts";

/** Nothing is left to be done for a user who was let go, or only a person can go on, or somebody has begun it anew. */
export const isGone: Arrival = (_, { position }, barrier) =>
  !isPurging(position.state) || barrier?.reason === "credentials" || barrier?.reason === "forbidden";

/**
 * Writes down that the user is let go and what is to be erased; nothing if that stands there already. Resolves when it is
 * durable.
 *
 * @throws {LifecycleError} `USER_CONFLICT` for a purge of a user who shares its number with another one here;
 * `USER_NOT_READY` when patience ends while a call for the user is under way; as {@link load}; the signal's reason
 */
export async function offboard(
  engine: Engine,
  id: string,
  purge: readonly FhirVersion[],
  patience: Patience,
): Promise<void> {
  for (let look = firstLookMs; ; look = Math.min(longestLookMs, 2 * look)) {
    patience.signal.throwIfAborted();
    const found = await load(engine, id, readOrBereft);
    const leased = found.record.lease !== null && found.record.lease.leftMs > 0;
    if (engine.driving.has(id) || leased || renaming(found.user)) {
      await untilAtRest(engine, verb, { id, found, look, patience });
      continue;
    }
    if (purge.length > 0 && found.user.position.context.idTaken) throw shared(engine, id);
    if (isWritten(found.user, purge)) return;
    const user = leaving(engine, found, purge);
    const place = restingPlace(engine, user, null);
    const how = { mode: "none", lease: newLease(engine), ...place } as const;
    const done = await save(engine, user, patience.signal, how);
    if (done.type !== "committed") continue; // somebody was faster, or it was ours and nobody heard of it
    engine.changes.rested({ ...user, revision: done.revision }, place);
    return;
  }
}

const verb = "offboard a user";

/** Does the record say so already? A call that is repeated must not begin the purge anew. */
function isWritten({ position, intent }: User, purge: readonly FhirVersion[]): boolean {
  const { state, context } = position;
  if (purge.length === 0) return state === "offboarded";
  const left = leftToPurge(context, purge);
  if (state === "offboarded") return left.length === 0;
  return isPurging(state) && (intent !== null || left.length === context.toPurge?.length);
}

/**
 * The user without secrets, which go whatever became of a call that nobody heard of. But a create may still be on its way:
 * whoever asks 1upHealth about the user, to erase its data or to begin anew, waits for that.
 */
function leaving({ clock }: Engine, { user, record }: Found, purge: readonly FhirVersion[]): User {
  const at = clock.now();
  const settled = user.intent === null ? user : heardByNobody(user, at);
  const pause = mayArriveMs(settled, record) > 0 ? settled.pause : null;
  const rest = { secrets: {}, pause };
  if (purge.length === 0) return { ...stepped(settled, { type: "OFFBOARDED", at }), ...rest };
  return { ...stepped(settled, { type: "OFFBOARD", at, purge }), ...rest, lane: "recovery" };
}

/** How long a create may still be on its way, ms. */
function mayArriveMs({ pause }: User, { dueInMs }: StoredRecord): number {
  return pause?.reason === "unavailable" ? Math.max(0, dueInMs ?? 0) : 0;
}
