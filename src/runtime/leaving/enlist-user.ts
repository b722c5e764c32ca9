/**
 * Makes a user part of a leave: its record names the leave, and it is offboarded in the same commit, unless it must wait
 * for an export.
 *
 * @module
 */
import { isRenaming } from "../../../machines/index.ts";
import { randomName } from "../../clock.ts";
import type { FhirVersion } from "../../fhir/fhir-version.ts";
import type { Engine } from "../engine/engine.ts";
import { isLeased, loadUser, type LoadedUser } from "../engine/load-user.ts";
import { saveIdleStep, saveIdle, samePlace } from "../engine/save-user.ts";
import { schedule } from "../engine/schedule.ts";
import { tryAgain, whenIdle } from "../engine/when-idle.ts";
import { readOrDamaged } from "../operations/damaged-record.ts";
import { isOffboarded, withoutSecrets } from "../operations/offboard.ts";
import { leavingAt } from "../user/departure.ts";
import { enteredAt } from "../user/user-status.ts";
import type { User } from "../user/user.ts";
import { hasLeft } from "../user/step.ts";
import { isExported } from "./export-user.ts";

/** What a leave does to each user. */
export interface Leave {
  readonly name: string;
  readonly purge: readonly FhirVersion[];
  readonly onlyAfterExport: string | undefined;
  readonly allowPartialExport: boolean;
  /** The name of a leave that was given up: its users become a part of this one. */
  readonly takeOver: string | undefined;
  readonly by: string | undefined;
}

/** How long to wait for one user, ms. */
const waitMs = 30_000;

/** Whether the user is a part of this leave. */
export function isInLeave({ leaving }: User, name: string): boolean {
  return leaving?.name === name;
}

/**
 * The other leave that purges the user, or has its receipt still to write: it alone goes on with it. A user that only
 * waits in another leave, e.g. for its export, may leave in this one.
 */
export function otherLeaveOf({ leaving, position }: User, { name, takeOver }: Leave): string | null {
  if (leaving === null || leaving.isReceipted || [name, takeOver].includes(leaving.name)) return null;
  const { state, context } = position;
  const waits = leaving.done === null && !hasLeft(state) && context.failure?.in !== "offboarding";
  return waits ? null : leaving.name;
}

/**
 * Whether the user was offboarded before, and 1upHealth may have data of it that the export does not have. Only a user
 * that has signed up again can be exported, and then it is no part of the leave, so it stays out.
 */
export function isLeftOut(user: User, leave: Leave): boolean {
  const { name, purge, onlyAfterExport } = leave;
  if (isInLeave(user, name) || !hasLeft(user.position.state) || isOffboarded(user, purge)) return false;
  return onlyAfterExport !== undefined && !hasExport(user, leave);
}

/** Whether an export with all types of these versions, `whole`, has what the leave purges. */
export function coversPurge(whole: readonly string[], { purge, allowPartialExport }: Leave): boolean {
  // seam: only-a-whole-export-lets-users-leave
  return allowPartialExport || purge.every((one) => whole.includes(one));
}

/** Whether the export has finished the user, and left out something that the leave purges. */
export function isPartlyExported({ exports }: User, leave: Leave): boolean {
  const mark = exports.find(([name]) => name === leave.onlyAfterExport);
  return mark !== undefined && !coversPurge(mark[2] ?? [], leave);
}

function hasExport(user: User, leave: Leave): boolean {
  const { onlyAfterExport: name } = leave;
  return name !== undefined && isExported(user, name) && !isPartlyExported(user, leave);
}

/** Whether the user stays where it is for now. */
export function mustWait(user: User, leave: Leave): boolean {
  const { purge, onlyAfterExport } = leave;
  const { state, context } = user.position;
  if (hasLeft(state)) return false; // see isLeftOut()
  if (context.idTaken && purge.length > 0) return true; // a purge would erase another user's data
  // seam: only-exported-users-leave
  return onlyAfterExport !== undefined && !hasExport(user, leave);
}

/** Which users may be added to a leave. */
export interface Enlisting {
  /** Users that signed up after this time stay out, ms since 1970; `null`: the user is a part already. */
  readonly since: number | null;
  /** Whether the user was counted. */
  readonly isCounted: (user: User) => boolean;
  /** Told of a user that another leave, of this name, goes on with. */
  readonly isElsewhere: (name: string) => void;
  /** Asked between the last look at the user and the write: so nothing is written that another process has not seen. */
  readonly refuseTakenOver: () => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Adds the user to the leave and begins its offboarding. Does nothing if the user has left in a leave of this name before,
 * even if it has signed up again since.
 *
 * @returns whether the user is a part of the leave
 * @throws {LifecycleError} `USER_NOT_READY` if it is busy for too long; `TAKEN_OVER`; `STORE_UNAVAILABLE`; as
 * {@link loadUser}; the signal's reason
 */
export function enlistUser(
  engine: Engine,
  id: string,
  leave: Leave,
  { since, isCounted, isElsewhere, refuseTakenOver, signal }: Enlisting,
): Promise<boolean> {
  const deadline = { until: engine.clock.monotonic() + waitMs, signal };
  const load = (): Promise<LoadedUser> => loadUser(engine, id, readOrDamaged);
  const waitsFor = ({ user, record }: LoadedUser): boolean =>
    isLeased(record) || isRenaming(user.position.state);
  return whenIdle(engine, id, { verb: "offboard a user", deadline, load, waitsFor }, async (found) => {
    const { user, record } = found;
    const isPart = isInLeave(user, leave.name);
    if (isPart && user.leaving?.done !== null) return true;
    if (!isPart && since !== null && (!isCounted(user) || signedUpAfter(user, since))) return false;
    if (isLeftOut(user, leave)) return false;
    const other = otherLeaveOf(user, leave);
    if (other !== null) {
      isElsewhere(other);
      return false;
    }
    await refuseTakenOver();
    const marked = isPart ? user : withMark(engine, user, leave.name);
    const stays = mustWait(user, leave) || user.position.context.failure?.in === "offboarding";
    if (stays || isOffboarded(user, leave.purge)) {
      if (isPart && user.position.state !== "offboarded") return true;
      const at = enteredAt(user, engine.clock.now());
      const noted = { ...marked, leaving: leavingAt(marked, user.position, at) }; // offboarded before, perhaps
      const place = user.intent === null ? samePlace(record) : { dueInMs: 0, lane: null };
      const done = await saveIdle(engine, noted, place, deadline);
      return done.type === "committed" ? true : tryAgain;
    }
    const leaves = withoutSecrets(engine, { ...found, user: marked }, leave);
    const done = await saveIdleStep(engine, leaves, schedule(engine, leaves, null), deadline);
    return done.type === "committed" ? true : tryAgain;
  });
}

/** With the mark, which tells what was erased before if the user is offboarded already. */
function withMark({ clock }: Engine, user: User, name: string): User {
  const at = clock.now();
  const { state } = user.position;
  const gone = state === "offboarded" ? (user.leaving?.done ?? null) : null;
  const leaving = { name, receipt: randomName(clock), at, done: gone, isReceipted: false };
  return { ...user, leaving };
}

function signedUpAfter({ history }: User, since: number): boolean {
  return history.some(([at, , event]) => at > since && (event === "ONBOARD" || event === "ADOPTED"));
}
