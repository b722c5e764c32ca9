/**
 * Adopts a user with a grant that the application obtained earlier. This makes no call; the first refresh shows
 * whether the grant still works.
 *
 * @module
 */
import { isPurging } from "../../../machines/index.ts";
import { invalidOption, isLifecycleError, LifecycleError } from "../../errors.ts";
import { Secret } from "../../secret.ts";
import { onceArrived } from "../engine/apply-outcome.ts";
import { mayArriveForMs } from "../engine/in-doubt.ts";
import { tryAgain, whenIdle } from "../engine/when-idle.ts";
import { checkValue, only, whole, type Names } from "../../checks.ts";
import type { Engine, Deadline } from "../engine/engine.ts";
import {
  isBusy,
  lookForUser,
  forgottenMeanwhile,
  nullIfPermanent,
  type LoadedUser,
  type MissingUser,
} from "../engine/load-user.ts";
import { schedule } from "../engine/schedule.ts";
import { saveIdleStep } from "../engine/save-user.ts";
import { hasLeft } from "../user/step.ts";
import { newUser, stepped, type User } from "../user/user.ts";

/** What an application knows about a user that it connected before. */
export interface Grant {
  /** The number that 1upHealth gave the user. */
  readonly oneupUserId: number;
  readonly refreshToken: string;
  /** Saves the first refresh while it works; requires `expiresAt`. */
  readonly accessToken?: string | undefined;
  /** When the access token expires. */
  readonly expiresAt?: Date | undefined;
}

/** A validated grant. */
export interface CheckedGrant {
  readonly oneupUserId: number;
  readonly refreshToken: Secret;
  /** An access token and when it expires, ms since 1970. */
  readonly access: { readonly token: Secret; readonly expiresAt: number } | null;
}

const names: Names<Grant> = { oneupUserId: true, refreshToken: true, accessToken: true, expiresAt: true };
const verb = "adopt a user";

/** @throws {LifecycleError} `INVALID_OPTION`, whose message contains no token */
export function checkGrant(grant: Grant): CheckedGrant {
  const { oneupUserId, refreshToken, accessToken, expiresAt } = only(verb, "the grant", grant, names);
  if ((accessToken === undefined) !== (expiresAt === undefined)) {
    throw refused("accessToken and expiresAt must come together, or neither");
  }
  // What is reckoned from it, such as when to refresh, must be a Date as well.
  if (expiresAt !== undefined && !(expiresAt instanceof Date && expiresAt.getTime() >= 0)) {
    throw refused("expiresAt must be a valid Date, not before 1970");
  }
  return {
    oneupUserId: checkValue(verb, "oneupUserId", oneupUserId as number, whole(1)),
    refreshToken: secret("refreshToken", refreshToken),
    access:
      expiresAt === undefined
        ? null
        : { token: secret("accessToken", accessToken), expiresAt: expiresAt.getTime() },
  };
}

function secret(name: string, value: unknown): Secret {
  if (typeof value === "string" && /^[\x21-\x7e]{1,16384}$/.test(value)) return new Secret(value);
  throw refused(`${name} must be a token: 1 to 16384 printable characters without spaces`);
}

function refused(rule: string): LifecycleError {
  return invalidOption(`Cannot ${verb}: ${rule}`);
}

/**
 * By name, or as a row of a list. A list may be older than the offboarding of a user in it, so it does not restart
 * that user.
 */
export type GrantSource = "byName" | "inList";

/** How a user is adopted. */
export interface AdoptOptions {
  readonly source: GrantSource;
  /** Who asked for it. */
  readonly by?: string | undefined;
  /** Called just before the user is stored. What it throws refuses the grant. */
  readonly lastCheck?: (() => void) | undefined;
}

/** The tokens of a grant. */
export function tokensOf({ refreshToken, access }: CheckedGrant): readonly Secret[] {
  return access === null ? [refreshToken] : [refreshToken, access.token];
}

/**
 * Stores the user with its grant. Returns `present`, and changes nothing, if the user has a grant here or is about to
 * get one, or if some of its data is still to be erased; and `departed` if it is a row of a list and was offboarded.
 *
 * @throws {LifecycleError} `USER_CONFLICT` if it is another user of 1upHealth here; `INVALID_OPTION` if this process
 * knows one of the tokens as another user's, or is storing it for one; what `lastCheck` throws; `USER_NOT_READY` if the
 * deadline passes while a call for it is under way or may still arrive; `STORE_UNAVAILABLE` if it passes while the store takes no writes; as
 * {@link lookForUser}; the signal's reason; `USER_UNKNOWN` if it is forgotten meanwhile
 */
export async function adopt(
  engine: Engine,
  id: string,
  grant: CheckedGrant,
  deadline: Deadline,
  { source, by, lastCheck }: AdoptOptions,
): Promise<"adopted" | "present" | "departed"> {
  let unacknowledgedAt: number | null = null;
  let first: LoadedUser | MissingUser | null = null;
  const load = async (): Promise<LoadedUser | MissingUser> => {
    const there = await lookForUser(engine, id);
    if (source === "byName" && isForgottenSince(first, there)) throw forgottenMeanwhile(engine, id);
    first ??= there;
    if (there.user !== null) refuseAnother(engine, there.user, grant);
    return there;
  };
  const waitsFor = (found: LoadedUser): boolean => {
    if (isBusy(found)) return true;
    const { user, record } = found;
    // A purge that arrived now would erase what the user has from then on. An exchange that does harms nothing.
    const mayArrive = mayArriveForMs(user.pause, record.dueInMs ?? 0) > 0;
    // seam: an-adopted-user-waits-for-a-late-purge
    if (!mayArrive || user.position.state === "codeIssued") return false;
    if (source === "inList" && wasOffboarded(found)) return false;
    return withGrant(user, grant, { at: engine.clock.now(), by }) !== user;
  };
  return whenIdle(engine, id, { verb, deadline, load, waitsFor }, async (there) => {
    const at = engine.clock.now();
    const before = there.user ?? newUser(id, "recovery", at, there.revision);
    const user = withGrant(before, grant, { at, by });
    if (before.history.some(([when, , event]) => event === "ADOPTED" && when === unacknowledgedAt))
      return "adopted";
    if (source === "inList" && wasOffboarded(there)) return "departed";
    if (user === before) return "present";
    // seam: an-adopted-user-is-scheduled
    const place = schedule(engine, user, null);
    // An unacknowledged write is repeated with the same write id: otherwise our own user would look like a conflict.
    const claim = engine.tokenOwners.claim(user, tokensOf(grant));
    if (claim === null) throw tokenOfAnother(engine, id, null);
    try {
      if (unacknowledgedAt === null) {
        await refuseOwned(engine, id, claim.formerOwner);
        lastCheck?.();
      }
      const done = await saveIdleStep(engine, user, place, deadline);
      if (done.type === "committed" || done.unacknowledged === true) claim.keep();
      if (done.type === "committed") return "adopted";
      if (done.unacknowledged === true) unacknowledgedAt = at; // it may have been written, and the user may have moved on since
    } finally {
      claim.end();
    }
    return tryAgain; // or another process was faster
  });
}

/** @throws {LifecycleError} `INVALID_OPTION` if the former owner of a token is still another user here; of the store */
async function refuseOwned(engine: Engine, id: string, owner: string | null): Promise<void> {
  if (owner === null || owner === id) return;
  try {
    const { user } = await lookForUser(engine, owner);
    if (user === null || user.position.state === "offboarded") return; // its grant is erased
  } catch (error) {
    const renamedTo = isLifecycleError(error, "RENAMED") ? error.facts["renamedTo"] : null;
    if (typeof renamedTo === "string") return refuseOwned(engine, id, renamedTo);
    nullIfPermanent(error);
  }
  throw tokenOfAnother(engine, id, owner);
}

function tokenOfAnother({ sealer }: Engine, id: string, owner: string | null): LifecycleError {
  const which = owner === null ? "" : `, ${sealer.alias(owner)}`;
  return invalidOption(
    `Cannot adopt user ${sealer.alias(id)}: another user has this token${which}; find out whose it is, and onboard() the user that has none`,
  );
}

/** Whether the user was forgotten between two reads. */
function isForgottenSince(first: LoadedUser | MissingUser | null, there: LoadedUser | MissingUser): boolean {
  if (first === null || there.user !== null || !there.isForgotten) return false;
  return first.user !== null || first.revision !== there.revision;
}

/** Whether it was offboarded, and perhaps forgotten after that. */
function wasOffboarded(there: LoadedUser | MissingUser): boolean {
  return there.user === null ? there.isForgotten : hasLeft(there.user.position.state);
}

function refuseAnother({ sealer }: Engine, user: User, { oneupUserId }: CheckedGrant): void {
  const known = user.position.context.oneupUserId;
  if (known === null || known === oneupUserId) return;
  // A person was asked to check the number, and this is the corrected one.
  const { failure } = user.position.context;
  if (failure?.reason === "anotherUser" && !isPurging(failure.in)) return;
  throw new LifecycleError(
    "USER_CONFLICT",
    `Cannot adopt user ${sealer.alias(user.id)}: its oneup_user_id must be the one stored here, ${known}, got ${oneupUserId}`,
  );
}

/** The user with its grant; the same object if it needs none. */
function withGrant(
  user: User,
  { oneupUserId, refreshToken, access }: CheckedGrant,
  { at, by }: { readonly at: number; readonly by: string | undefined },
): User {
  const expiresAt = access?.expiresAt ?? null;
  const after = stepped(user, { type: "ADOPTED", at, user: { oneupUserId }, expiresAt }, by);
  if (after === user) return user;
  const secrets = {
    /* seam: an-adopted-refresh-token-is-kept */ refreshToken,
    ...(access && { accessToken: access.token }),
  };
  return { ...after, secrets, pause: null, /* seam: an-adopted-user-has-arrived */ ...onceArrived(after) };
}
