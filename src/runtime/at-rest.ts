/**
 * Waits until nobody works on a user, for a verb that changes one who is at rest.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import { longestLookMs, within } from "./arrive.ts";
import type { Patience } from "./arrive.ts";
import { drive } from "./drive.ts";
import type { Engine } from "./engine.ts";
import type { Found } from "./load.ts";
import { renaming } from "./renaming.ts";

/** Is a call for the user under way, or in doubt? */
export function isBusy({ user, record }: Found): boolean {
  return user.intent !== null || (record.lease !== null && record.lease.leftMs > 0);
}

/** A user who is busy, or who is on the way to its first write. */
export interface Busy {
  readonly id: string;
  readonly found: Found | null;
  /** Pause before the next look at one on whom another process works, ms. */
  readonly look: number;
  readonly patience: Patience;
}

/**
 * Waits a while for whoever works on the user, or finds out what became of a call that nobody heard of. Look again then.
 * `verb` begins the message: "Cannot adopt a user …".
 * @throws {LifecycleError} `USER_NOT_READY` when there is no patience left; the signal's reason
 */
export async function untilAtRest(
  engine: Engine,
  verb: string,
  { id, found, look, patience }: Busy,
): Promise<void> {
  const left = patience.until - engine.clock.monotonic();
  if (left <= 0) {
    throw new LifecycleError(
      "USER_NOT_READY",
      `Cannot ${verb}, ${engine.sealer.alias(id)}: another call for it is under way`,
      { retryable: true },
    );
  }
  const ours = engine.driving.get(id);
  if (ours !== undefined || found === null) {
    await within(engine, ours?.catch(() => {}) ?? Promise.resolve(), patience); // whoever began it hears of its trouble
    return;
  }
  const { user, record } = found;
  const leasedMs = record.lease?.leftMs ?? 0;
  // A rename in doubt cannot be settled before its time.
  const restsMs = renaming(user) && record.lease === null ? (record.dueInMs ?? 0) : 0;
  if (leasedMs > 0 || restsMs > 0) {
    const ms = leasedMs > 0 ? Math.min(look, leasedMs) : Math.min(longestLookMs, restsMs);
    await engine.changes.ofUser(id, Math.min(left, ms), patience.signal);
    patience.signal.throwIfAborted();
  } else await within(engine, drive(engine, user), patience);
}
