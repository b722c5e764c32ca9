/**
 * Takes over a user with a grant that the application has had so far. No call is made for it: the first refresh shows
 * whether the grant still works.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import { Secret } from "../secret.ts";
import { arrivedBy } from "./act.ts";
import { firstLookMs, longestLookMs } from "./arrive.ts";
import type { Patience } from "./arrive.ts";
import { isBusy, untilAtRest } from "./at-rest.ts";
import { isObject, number, only, wrong } from "./checks.ts";
import type { Names } from "./checks.ts";
import { newLease } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { lookFor } from "./load.ts";
import type { Found, Vacant } from "./load.ts";
import { restingPlace } from "./rest.ts";
import { save } from "./save.ts";
import { newUser, stepped } from "./user.ts";
import type { User } from "./user.ts";

/** What an application knows of a user whom it has connected before. */
export interface Grant {
  /** The number that 1upHealth gave the user. */
  readonly oneupUserId: number;
  readonly refreshToken: string;
  /** Saves the first refresh while it works; with `expiresAt`. */
  readonly accessToken?: string | undefined;
  /** When the access token stops working. */
  readonly expiresAt?: Date | undefined;
}

/** A grant that has passed the door. */
export interface CheckedGrant {
  readonly oneupUserId: number;
  readonly refreshToken: Secret;
  /** An access token and when it stops working, ms since 1970. */
  readonly access: { readonly token: Secret; readonly expiresAt: number } | null;
}

const names: Names<Grant> = { oneupUserId: true, refreshToken: true, accessToken: true, expiresAt: true };
const verb = "adopt a user";

/** @throws {LifecycleError} `INVALID_OPTION`, which repeats no token */
export function checkGrant(grant: Grant): CheckedGrant {
  if (!isObject(grant)) throw wrong(verb, "the grant", "an object", grant);
  const { oneupUserId, refreshToken, accessToken, expiresAt } = only(verb, "the grant", grant, names);
  if ((accessToken === undefined) !== (expiresAt === undefined)) {
    throw refused("accessToken and expiresAt must come together, or neither");
  }
  if (expiresAt !== undefined && !(expiresAt instanceof Date && Number.isFinite(expiresAt.getTime()))) {
    throw refused("expiresAt must be a valid Date");
  }
  return {
    oneupUserId: number(verb, "oneupUserId", oneupUserId, 1, Number.MAX_SAFE_INTEGER, true),
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
  return new LifecycleError("INVALID_OPTION", `Cannot ${verb}: ${rule}`);
}

/** How a user is brought: by name, or as a row of a list, which says nothing about those who were let go since it was made. */
export type Brought = "byName" | "inList";

/**
 * Writes the user down with its grant. `present`: it has a grant here already, or is about to get one, or something of it
 * is still to be erased; or a list brings it, and it was let go. Then nothing is changed.
 *
 * @throws {LifecycleError} `USER_CONFLICT` if here it is another user of 1upHealth; `USER_NOT_READY` when patience ends
 * while a call for it is under way; as {@link lookFor}; the signal's reason
 */
export async function adopt(
  engine: Engine,
  id: string,
  grant: CheckedGrant,
  patience: Patience,
  brought: Brought,
): Promise<"adopted" | "present"> {
  const { signal } = patience;
  let unheardAt: number | null = null;
  for (let look = firstLookMs; ; look = Math.min(longestLookMs, 2 * look)) {
    signal.throwIfAborted();
    const there = await lookFor(engine, id);
    const found = there.user === null ? null : there;
    if (found !== null) refuseAnother(engine, found.user, grant);
    if (engine.driving.has(id) || (found !== null && isBusy(found))) {
      await untilAtRest(engine, verb, { id, found, look, patience });
      continue;
    }
    const at = engine.clock.now();
    const before = there.user ?? newUser(id, "recovery", at, there.revision);
    const user = adopted(before, grant, at);
    if (before.history.some(([when, , event]) => event === "ADOPTED" && when === unheardAt)) return "adopted";
    if (user === before || isRecovering(before)) return "present";
    if (brought === "inList" && wasLetGo(there)) return "present";
    const place = restingPlace(engine, user, null);
    // Repeated as the same write where nobody heard of it: our own user must not be met as somebody else's.
    const done = await save(engine, user, signal, { mode: "none", lease: newLease(engine), ...place });
    if (done.type !== "committed") {
      if (done.unheard === true) unheardAt = at; // it may be written, and the user has gone on since
      continue; // or somebody was faster
    }
    engine.changes.rested({ ...user, revision: done.revision }, place);
    return "adopted";
  }
}

/** It was offboarded, or forgotten after that. */
function wasLetGo(there: Found | Vacant): boolean {
  return there.user === null ? there.isForgotten : there.user.position.state === "offboarded";
}

function refuseAnother({ sealer }: Engine, user: User, { oneupUserId }: CheckedGrant): void {
  const known = user.position.context.oneupUserId;
  if (known === null || known === oneupUserId) return;
  throw new LifecycleError(
    "USER_CONFLICT",
    `Cannot adopt user ${sealer.alias(user.id)}: its oneup_user_id must be the one that is known here, ${known}, and it is ${oneupUserId}`,
  );
}

/**
 * It had a grant here and is getting a new one. What the application brings is then no newer than what was lost, as far as
 * anybody knows, and would only cost the user its place in the lane.
 */
function isRecovering({ position, history }: User): boolean {
  const lost = history.some(([, , event]) => event === "GRANT_LOST" || event === "REAUTHORIZE");
  return position.state === "reauthorizing" && lost;
}

/** The user with its grant; the same object if it needs none. */
function adopted(user: User, { oneupUserId, refreshToken, access }: CheckedGrant, at: number): User {
  const expiresAt = access?.expiresAt ?? null;
  const after = stepped(user, { type: "ADOPTED", at, user: { oneupUserId }, expiresAt });
  if (after === user) return user;
  const secrets = { refreshToken, ...(access && { accessToken: access.token }) };
  return { ...after, secrets, pause: null, ...arrivedBy(after) };
}
