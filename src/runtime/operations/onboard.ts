/**
 * Takes one user from any state to a working token, or writes a new one in a transaction of the application.
 *
 * @module
 */
import { hasLeft } from "../user/step.ts";
import { isPurging } from "../../../machines/index.ts";
import { invalidOption, LifecycleError } from "../../errors.ts";
import type { TransactionClient } from "../../store/contract.ts";
import { askForUser, waitForUser, firstPollMs, hasItsId, within } from "../engine/wait-for-user.ts";
import { runUser } from "../engine/run-user.ts";
import type { Engine, Deadline } from "../engine/engine.ts";
import { promoteUser } from "../engine/promote-user.ts";
import { joinUser } from "../engine/save-user.ts";
import type { JoinOptions, OnboardOptions } from "../options/call-options.ts";
import { lookForUser, forgottenMeanwhile, type LoadedUser, type MissingUser } from "../engine/load-user.ts";
import { forecast } from "./forecast.ts";
import { hasStartedOver, isOffboardingOver } from "./offboard.ts";
import { inTimeFor } from "../engine/deadline.ts";
import { isUsableNow } from "../user/token-time.ts";
import { isUncalled, newUser, stepped, type User } from "../user/user.ts";
import { stillPurged, callUnderWay } from "../engine/user-errors.ts";

/** How to onboard a user, and what to do with one that was offboarded. */
export interface Onboarding extends Pick<OnboardOptions, "expect" | "lane"> {
  /** `restart`: it starts over. `keep`: it stays offboarded, or forgotten, because the caller may not know of that. */
  readonly onOffboarded: "restart" | "keep";
}

/** The same with every default filled in. */
type CompleteOnboarding = { readonly [Name in keyof Onboarding]-?: NonNullable<Onboarding[Name]> };

/**
 * The user when the deadline has passed, or when there is nothing more to wait for: usable, or refused.
 *
 * @throws {LifecycleError} `USER_OFFBOARDED` for a user that was forgotten and stays so, or whose data is still being
 * erased; `USER_UNKNOWN` if it is forgotten meanwhile; `USER_NOT_READY` if another process works on an offboarded user
 * until the deadline; as {@link waitForUser}; the signal's reason
 */
export async function onboard(
  engine: Engine,
  id: string,
  { onOffboarded, expect = "new", lane = "interactive" }: Onboarding,
  deadline: Deadline,
): Promise<User> {
  const wait = { ...deadline, lane };
  wait.signal.throwIfAborted();
  let before: LoadedUser | MissingUser | null = null;
  for (;;) {
    const found = await findWhenSettled(engine, id, wait);
    inTimeFor(wait);
    // It was forgotten, or started over and was offboarded again: a later decision than this call.
    // seam: a-user-forgotten-meanwhile-is-not-brought-back
    const movedOn = before !== null && hasMovedOn(before, found);
    if (movedOn && found.user === null) throw forgottenMeanwhile(engine, id);
    if (movedOn) return askForUser(engine, id, wait);
    before = found;
    const ownRun = found.user === null ? engine.running.get(id) : undefined;
    if (ownRun !== undefined) {
      // It writes the user now, or it began before the user was forgotten: then this call begins after it.
      if ((await within(engine, ownRun, wait)) === undefined) return waitForUser(engine, id, wait);
      continue;
    }
    if (found.user !== null) await promoteUser(engine, found, lane);
    else if (found.isForgotten && onOffboarded === "keep") throw forgotten(engine, id);
    const user = firstStep(engine, id, found, { onOffboarded, expect, lane });
    const begun = user === null ? undefined : await within(engine, runUser(engine, user), wait);
    if (begun?.type === "rested" && isUsableNow(engine, begun.user)) return begun.user;
    if (user === null) return askForUser(engine, id, wait);
    if (found.user === null) return waitForUser(engine, id, wait);
    // If another process held the lease, the user is still offboarded, and is started over in the next round.
    if (begun?.type !== "overtaken") {
      const there = await waitForUser(engine, id, wait);
      if (begun !== undefined || there.position.state !== "offboarded") return there;
      throw callUnderWay(engine, "onboard a user", id, found); // the deadline passed before the lease was over
    }
    if (wait.until <= engine.clock.monotonic()) throw callUnderWay(engine, "onboard a user", id, found);
    await engine.changes.ofUser(id, firstPollMs, wait.signal);
    wait.signal.throwIfAborted();
  }
}

/**
 * Whether the user was forgotten, started over or was offboarded once more between two reads. A rename that was refused
 * meanwhile, or a hold, decides nothing of that.
 */
function hasMovedOn(before: LoadedUser | MissingUser, now: LoadedUser | MissingUser): boolean {
  if (now.user === null) return before.user !== null || before.revision !== now.revision;
  if (before.user === null || hasStartedOver(before.user, now.user)) return true;
  const at = offboardedAt(now.user);
  return at !== undefined && at !== offboardedAt(before.user);
}

/** When it was last offboarded, ms since 1970; `undefined`: so long ago that its history no longer tells. */
function offboardedAt({ history }: User): number | undefined {
  return history.findLast(([, , event]) => event === "OFFBOARD" || event === "OFFBOARDED")?.[0];
}

/**
 * The first step of an unknown user, or of one that starts over; `null` for one that is on its way or stays
 * offboarded.
 */
function firstStep(
  { clock }: Engine,
  id: string,
  found: LoadedUser | MissingUser,
  { onOffboarded, expect, lane }: CompleteOnboarding,
): User | null {
  const at = clock.now();
  if (found.user === null) return newcomer(id, { expect, lane }, at, found.revision);
  const { user, record } = found;
  if (user.position.state !== "offboarded" || onOffboarded === "keep") return null;
  // An earlier create may still arrive. The store measures for how long, because other processes' clocks differ.
  const waitMs = user.pause === null ? 0 : Math.max(0, record.dueInMs ?? 0);
  const pause = waitMs > 0 && user.pause !== null ? { ...user.pause, until: at + waitMs } : null;
  const isNew = expect === "new" && isUncalled(user);
  return stepped({ ...user, lane, pause }, { type: "ONBOARD", at, isNew });
}

/** A new user, as {@link newUser}; one that is expected to exist at 1upHealth is not created there. */
export function newcomer(
  id: string,
  { expect, lane }: Pick<CompleteOnboarding, "expect" | "lane">,
  at: number,
  tombstoneRevision = 0,
): User {
  const user = newUser(id, lane, at, tombstoneRevision);
  return expect === "existing" ? stepped(user, { type: "EXPECT_EXISTING", at }) : user;
}

/**
 * The user, after any rename or offboarding under way has finished.
 * @throws {LifecycleError} `USER_UNKNOWN` if it was forgotten meanwhile, which is a later decision than this call
 */
async function findWhenSettled(
  engine: Engine,
  id: string,
  wait: Deadline,
): Promise<LoadedUser | MissingUser> {
  const found = await lookForUser(engine, id);
  if (found.user === null) return found;
  const { state, context } = found.user.position;
  if (context.rename?.from === "offboarded") await waitForUser(engine, id, wait, hasItsId);
  else if (isPurging(state)) await waitForUser(engine, id, wait, isOffboardingOver);
  else return found;
  const after = await lookForUser(engine, id);
  if (after.user !== null && isPurging(after.user.position.state)) throw stillPurged(engine, after.user);
  if (after.user === null) throw forgottenMeanwhile(engine, id);
  return after;
}

function forgotten({ sealer }: Engine, id: string): LifecycleError {
  return new LifecycleError(
    "USER_OFFBOARDED",
    `Cannot continue with user ${sealer.alias(id)}: it was offboarded and forgotten; onboard() starts over`,
  );
}

/**
 * Writes a new user in the transaction of `client`. One that exists is only read, and not in the transaction. Resolves
 * with the user, and when its first call is expected to leave.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if the store has no transactions; `USER_OFFBOARDED`, because a user starts over
 *   outside of a transaction only; `RENAMED`; of the store
 */
export async function join(
  engine: Engine,
  id: string,
  client: TransactionClient,
  { expect = "new", lane = "interactive" }: Pick<JoinOptions, "expect" | "lane">,
  deadline: Deadline,
): Promise<{ readonly user: User; readonly forecast: Date | null }> {
  const { clock, settings, store } = engine;
  if (store.join === undefined) {
    throw invalidOption(
      `Cannot onboard: within must be left out, because the store ${settings.store.name} takes part in no transaction; only postgres() does`,
    );
  }
  deadline.signal.throwIfAborted();
  const found = await lookForUser(engine, id);
  const { user } = found;
  inTimeFor(deadline);
  if (user !== null && hasLeft(user.position.state)) throw offboarded(engine, id);
  if (user !== null && isUsableNow(engine, user)) return { user, forecast: null };
  const { inMs } = await forecast(engine, 1, user?.lane ?? lane);
  const expected = Number.isFinite(inMs) ? new Date(clock.now() + inMs) : null;
  if (found.user !== null) return { user: found.user, forecast: expected };
  const at = clock.now();
  // The store puts it in the place of the tombstone, but does not know what that means for its data.
  const joined = { ...newcomer(id, { expect, lane }, at), restarted: found.isForgotten ? at : null };
  deadline.signal.throwIfAborted();
  inTimeFor(deadline);
  await joinUser(engine, joined, store.join, client);
  return { user: joined, forecast: expected };
}

function offboarded({ sealer }: Engine, id: string): LifecycleError {
  return new LifecycleError(
    "USER_OFFBOARDED",
    `Cannot onboard user ${sealer.alias(id)} within a transaction: it was offboarded; commit, and call onboard() without within, which starts over`,
  );
}
