/**
 * Offboards a user: erases its secrets at once and then, on request, its data at 1upHealth. The purge is part of the
 * record, so any worker continues it after a crash or an interruption. It starts by asking 1upHealth for the user,
 * because a purge identifies the user by its number, which may never have been received or may belong to another user
 * by now.
 *
 * @module
 */
import { isPurging, isRenaming, leftToPurge } from "../../../machines/index.ts";
import { LifecycleError } from "../../errors.ts";
import type { FhirVersion } from "../../fhir/fhir-version.ts";
import type { StoredRecord } from "../../store/contract.ts";
import { afterDeath } from "../engine/apply-outcome.ts";
import type { ArrivalPredicate } from "../engine/wait-for-user.ts";
import { tryAgain, whenIdle } from "../engine/when-idle.ts";
import { mayArriveForMs } from "../engine/in-doubt.ts";
import { readOrDamaged } from "./damaged-record.ts";
import type { Engine, Deadline } from "../engine/engine.ts";
import { isLeased, loadUser, type LoadedUser } from "../engine/load-user.ts";
import { schedule } from "../engine/schedule.ts";
import { saveIdleStep } from "../engine/save-user.ts";
import { stepped, type User } from "../user/user.ts";
import { sharedNumber } from "../engine/user-errors.ts";

/** An offboarded user has nothing left to do, or only a person can continue, or it was started over. */
export const isOffboardingOver: ArrivalPredicate = (_, { position }, blocked) =>
  !isPurging(position.state) || blocked?.reason === "credentials" || blocked?.reason === "forbidden";

/** What is to be erased at 1upHealth, and who asks for it, if that was named. */
interface Offboarding {
  readonly purge: readonly FhirVersion[];
  readonly by: string | undefined;
}

/**
 * Stores that the user is offboarded and what is to be erased; does nothing if that is stored already. Resolves when
 * it is durable.
 *
 * @throws {LifecycleError} `USER_CONFLICT` for a purge of a user that shares its number with another user here;
 * `USER_NOT_READY` if the deadline passes while a call for the user is under way; `STORE_UNAVAILABLE` if it passes
 * while the store takes no writes; `USER_UNKNOWN` for a purge of a user that has started over meanwhile; as
 * {@link loadUser}; the signal's reason
 */
export async function offboard(
  engine: Engine,
  id: string,
  { purge, by }: Offboarding,
  deadline: Deadline,
): Promise<void> {
  let first: User | null = null;
  const load = async (): Promise<LoadedUser> => {
    const found = await loadUser(engine, id, readOrDamaged);
    first ??= found.user;
    return found;
  };
  // It does not wait for the outcome of another call in doubt: its secrets must go at once.
  const waitsFor = ({ user, record }: LoadedUser): boolean =>
    isLeased(record) || isRenaming(user.position.state);
  await whenIdle(engine, id, { verb: "offboard a user", deadline, load, waitsFor }, async (found) => {
    if (hasStartedOver(first ?? found.user, found.user)) {
      if (purge.length === 0) return;
      throw startedOver(engine, id);
    }
    if (purge.length > 0 && found.user.position.context.idTaken) throw sharedNumber(engine, id);
    if (isOffboarded(found.user, purge)) return;
    const user = withoutSecrets(engine, found, { purge, by });
    const place = /* seam: a-purge-is-scheduled */ schedule(engine, user, null);
    const done = await saveIdleStep(engine, user, place, deadline);
    return done.type === "committed" ? undefined : tryAgain; // our own write may have been the faster one
  });
}

/** Whether the user was offboarded between two reads and has started over, or was forgotten and another one has its id. */
export function hasStartedOver(first: User, { begun, restarted }: User): boolean {
  return first.begun !== begun || first.restarted !== restarted;
}

function startedOver({ sealer }: Engine, id: string): LifecycleError {
  return new LifecycleError(
    "USER_UNKNOWN",
    `Cannot offboard user ${sealer.alias(id)}: it was offboarded meanwhile and has started over, and what was to be erased may be in use again; offboard it once more if that is meant`,
  );
}

/** Whether that is stored already: a repeated call must not restart the purge. */
export function isOffboarded({ position }: User, purge: readonly FhirVersion[]): boolean {
  const { state, context } = position;
  if (purge.length === 0) return state === "offboarded";
  const left = leftToPurge(context, purge);
  if (state === "offboarded") return left.length === 0;
  // seam: a-larger-purge-is-not-stored-yet
  const isAll = left.length === context.toPurge?.length;
  return isPurging(state) && isAll;
}

/**
 * The user without secrets, which are erased even if the result of a call is unknown. But a create may still arrive;
 * a look-up at 1upHealth, for a purge or a new start, waits for that.
 */
export function withoutSecrets(
  engine: Engine,
  { user, record }: LoadedUser,
  { purge, by }: Offboarding,
): User {
  const at = engine.clock.now();
  const settled = user.intent === null ? user : afterDeath(engine, user);
  const arrivesMs = mayArriveMs(settled, record);
  const isLonger = settled.pause?.arrivedAt !== undefined; // longer than its call may take to arrive
  const kept = isLonger ? ({ reason: "unavailable", mayArrive: true } as const) : settled.pause;
  // The clock of the process that began the wait may differ by minutes.
  const own = { /* seam: a-wait-ends-by-the-clock-that-stores-it */ until: at + arrivesMs };
  const pause = kept === null || arrivesMs <= 0 ? null : { ...kept, ...own };
  const rest = { /* seam: an-offboarded-user-has-no-secrets */ secrets: {}, pause };
  if (purge.length === 0) return { ...stepped(settled, { type: "OFFBOARDED", at }, by), ...rest };
  return { ...stepped(settled, { type: "OFFBOARD", at, purge }, by), ...rest, lane: "recovery" };
}

/** How long its last call may still be on its way, ms. */
function mayArriveMs({ pause }: User, { dueInMs }: StoredRecord): number {
  const leftMs = dueInMs ?? 0;
  return pause?.reason === "unavailable" ? Math.max(0, leftMs) : mayArriveForMs(pause, leftMs);
}
