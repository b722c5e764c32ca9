/**
 * Why some users of a leave have no receipt yet, and how long it is worth waiting for them.
 *
 * @module
 */
import { isPurging } from "../../../machines/index.ts";
import { causeInWords, isLifecycleError, LifecycleError } from "../../errors.ts";
import type { Engine } from "../engine/engine.ts";
import { listUserIds, loadUser } from "../engine/load-user.ts";
import { stopOf, stoppedError } from "../engine/stop.ts";
import { refusal, statusOf } from "../engine/user-errors.ts";
import { leaveKey, leaveKeysIn } from "../user/index-key.ts";
import type { User } from "../user/user.ts";
import type { UnexportedUser } from "./export-many-options.ts";

/** Users listed per request to the store. */
const pageSize = 100;
/** Unfinished users named in the result. */
const mostNamed = 100;

/** How long to wait for a user, by why it has no receipt, counted from when the last user left, ms. */
const patienceMs = {
  /** Its record cannot be read, so no process can continue it. */
  unreadable: 60_000,
  /** Its calls are refused, or an operator holds it: a person has to do something. */
  refused: 3_600_000,
  /** Its calls fail: an outage may last for hours. */
  failing: 86_400_000,
  /** It waits for a slot, a call, the end of a pause of the account, or its receipt. */
  moving: Infinity,
} as const;

/** Whether it is pointless to wait for any of the remaining users, after none has left for `stillMs`. */
export async function isWaitingPointless(engine: Engine, name: string, stillMs: number): Promise<boolean> {
  for (const state of ["identifying", "offboarding", "offboarded"] as const)
    for await (const id of listUserIds(engine, pageSize, leaveKey(state, name))) {
      const found = await loadUser(engine, id).catch(unlessUnusable);
      const kept = found === null ? "unreadable" : whyKept(engine, found.user);
      if (stillMs < patienceMs[kept]) return false;
    }
  return true;
}

function whyKept(engine: Engine, user: User): keyof typeof patienceMs {
  const { pause } = statusOf(engine, user);
  switch (pause?.reason) {
    case "held":
    case "forbidden":
    case "credentials":
      return "refused";
    default:
      return (pause?.cause ?? null) === null ? "moving" : "failing";
  }
}

/** The first users without a receipt, and why. */
export async function unfinishedOf(engine: Engine, name: string): Promise<readonly UnexportedUser[]> {
  const found: UnexportedUser[] = [];
  for (const key of Object.keys(leaveKeysIn(name, await engine.store.counts())))
    for await (const id of listUserIds(engine, pageSize, key)) {
      const { code, message } = await loadUser(engine, id).then(
        ({ user }) => whyUnfinished(engine, user),
        (error: unknown) => {
          if (isLifecycleError(error) && !error.retryable) return error;
          throw error;
        },
      );
      found.push({ appUserId: id, code, why: message });
      if (found.length === mostNamed) return found;
    }
  return found;
}

function whyUnfinished(engine: Engine, user: User): LifecycleError {
  const cannot = `Cannot offboard user ${engine.sealer.alias(user.id)}`;
  const yet = (why: string): LifecycleError => new LifecycleError("USER_NOT_READY", `${cannot} yet: ${why}`);
  if (!isPurging(user.position.state))
    return (
      refusal(engine, user) ?? yet("it is to be exported first, or shares its data with another user here")
    );
  const stop = stopOf(engine, user);
  if (stop !== null) return stoppedError(cannot, stop, engine.clock.now());
  const cause = statusOf(engine, user).pause?.cause ?? null;
  return yet(
    cause === null
      ? "its purge is not confirmed; offboardMany() by the same name goes on with it"
      : `${causeInWords(cause)}; workers try again, and once that is fixed, offboardMany() by the same name goes on with it`,
  );
}

/** A user that cannot be used now is tried again, or listed at the end. */
export function unlessUnusable(error: unknown): null {
  if (isLifecycleError(error) && ofOneUser.has(error.code)) return null;
  throw error;
}

const ofOneUser: ReadonlySet<string> = new Set([
  "USER_UNKNOWN",
  "USER_NOT_READY",
  "RENAMED",
  "RECORD_DAMAGED",
  "RECORD_TOO_NEW",
]);
