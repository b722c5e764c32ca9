/**
 * A user as people see it: state, times, what it waits for. No secrets.
 *
 * @module
 */
import type { FailureReason, UserState } from "../../machines/index.ts";
import type { PauseReason } from "../store/envelope.ts";
import type { Barrier } from "./account.ts";
import { stepped } from "./user.ts";
import type { User } from "./user.ts";

/** What `inspect()` and `onboard()` tell about a user. Times are `Date`s, so the whole survives JSON as ISO strings. */
export interface UserStatus {
  readonly appUserId: string;
  /** Assigned by 1upHealth; unknown until it answered. */
  readonly oneupUserId: number | null;
  readonly state: UserState;
  /** When it came into this state. */
  readonly since: Date;
  /** An access token is in hand that works now. */
  readonly usable: boolean;
  /** When that token stops working. */
  readonly expiresAt: Date | null;
  /**
   * 1upHealth's own `active` flag of the user, if it was told. What `false` means is documented nowhere, so nothing hangs
   * on it here: calls are tried all the same, and their answers count.
   */
  readonly active: boolean | null;
  /**
   * FHIR versions whose data at 1upHealth are erased since it was offboarded, and those that are left; `null`: nothing
   * was asked for.
   */
  readonly purge: { readonly done: readonly string[]; readonly left: readonly string[] } | null;
  /**
   * `idTaken`: 1upHealth has given it the new id of a `rename()`, and here another user has that one, so that both are one
   * user at 1upHealth, with the same data. Its grant works on. Go on with the user of the new id (`onboard()` it, if it was
   * forgotten), then offboard and forget this one **without a purge**: purging either erases the data of both.
   */
  readonly conflict: "idTaken" | null;
  /** What it waits for, until when, and the how-manieth attempt comes next. */
  readonly pause: { readonly reason: PauseReason; readonly until: Date; readonly attempt: number } | null;
  /** Why it is in `failed`. */
  readonly failure: { readonly reason: FailureReason; readonly in: UserState; readonly why: string } | null;
  /** A call whose outcome is not known yet: under way, or in doubt after a crash. */
  readonly underWay: string | null;
  /** Calls sent for this user so far. */
  readonly calls: { readonly management: number; readonly token: number };
  /** The last steps, oldest first: when, to which state, by which event. */
  readonly history: readonly { readonly at: Date; readonly state: string; readonly event: string }[];
}

/**
 * Describes a user at `now`. A token within its refresh window makes the state `expiring`, written down or not.
 * `barrier`: what stands before its next call.
 */
export function describeUser(
  user: User,
  windowMs: number,
  now: number,
  barrier: Barrier | null = null,
): UserStatus {
  const { state, context } = user.position;
  const usable = isUsable(user, now);
  const authorized = state === "tokenActive" || state === "refreshed" || state === "reauthorized";
  const due = refreshAt(user, windowMs);
  const expiring = authorized && now >= due;
  return {
    appUserId: user.id,
    oneupUserId: context.oneupUserId,
    state: expiring ? "expiring" : state,
    since: new Date(expiring ? due : enteredAt(user, now)),
    usable,
    expiresAt: context.expiresAt === null ? null : new Date(context.expiresAt),
    active: context.active,
    purge:
      context.toPurge === null && context.purged === null
        ? null
        : { done: context.purged ?? [], left: context.toPurge ?? [] },
    conflict: context.idTaken ? "idTaken" : null,
    pause: pauseOf(user, barrier),
    failure: context.failure,
    underWay: user.intent?.call ?? null,
    calls: user.calls,
    history: user.history.map(([at, to, event]) => ({ at: new Date(at), state: to, event })),
  };
}

/** The account's gate, or the user's own pause, whichever is longer. */
function pauseOf({ pause, position }: User, barrier: Barrier | null): UserStatus["pause"] {
  if (barrier !== null && barrier.until >= (pause?.until ?? 0)) {
    return { reason: barrier.reason, until: new Date(barrier.until), attempt: barrier.attempt };
  }
  return (
    pause && {
      reason: pause.reason,
      until: new Date(pause.until),
      attempt: position.context.attempt + 1,
    }
  );
}

/** When the user came into its state: the first of the last entries that name it. */
function enteredAt({ history, position }: User, now: number): number {
  const before = history.findLastIndex(([, state]) => state !== position.state);
  return history[before + 1]?.[0] ?? now;
}

/** Is an access token in hand that works at `now`? */
export function isUsable(user: User, now: number): boolean {
  const { expiresAt } = user.position.context;
  return user.secrets.accessToken !== undefined && expiresAt !== null && now < expiresAt;
}

/**
 * When the token in hand wants to be renewed: `windowMs` before its end, up to a fifth earlier by a share that is
 * the user's own, so that users who were onboarded together do not refresh together. A short-lived token is renewed
 * at half its life.
 */
export function refreshAt(user: User, windowMs: number): number {
  const { expiresAt, grantedAt } = user.position.context;
  if (expiresAt === null) return 0;
  const life = expiresAt - (grantedAt ?? expiresAt - 2 * windowMs);
  return expiresAt - Math.min(windowMs * (1 + 0.2 * share(user.id)), life / 2);
}

/** An answer to whose data a purge would erase is good for so long, ms: a number may become another user's. */
const identifiedForMs = 15 * 60_000;

/** The user, awake: if its token wants to be renewed, or a purge to be sure of its user, the machine is told so. */
export function awake(user: User, windowMs: number, now: number): User {
  const { state, context } = user.position;
  const authorized = state === "tokenActive" || state === "refreshed" || state === "reauthorized";
  const isOld =
    state === "offboarding" && user.intent === null && now - (context.identifiedAt ?? 0) > identifiedForMs;
  const isDue = isOld || (authorized && now >= refreshAt(user, windowMs));
  return isDue ? stepped(user, { type: "DUE", at: now }) : user;
}

/** A number in [0, 1) that is always the same for one id. */
function share(id: string): number {
  let hash = 2_166_136_261; // FNV-1a: spread, not secrecy
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 16_777_619);
  return (hash >>> 0) / 2 ** 32;
}
