/**
 * The clock that decides whether a token has expired. Using an expired token costs more than an unnecessary refresh, so
 * the wall clock counts whenever it is ahead: after a machine slept, only the wall clock shows how much time has
 * passed.
 *
 * @module
 */
import type { SteadyClock } from "../../store/steady-time.ts";
import type { Settings } from "../options/lifecycle-options.ts";
import { applyDue, isUsable } from "./user-status.ts";
import type { User } from "./user.ts";

/** What these functions need of the engine. */
interface Timing {
  readonly clock: SteadyClock;
  readonly settings: Pick<Settings, "refreshWindowMs">;
}

/** The current time for decisions about this user's token, ms since 1970. */
export function tokenTime({ clock }: Pick<Timing, "clock">, user: User): number {
  return clock.latest(user.position.context.grantedAt ?? Number.NEGATIVE_INFINITY);
}

/** {@link isUsable} now. */
export function isUsableNow(engine: Pick<Timing, "clock">, user: User): boolean {
  return isUsable(user, tokenTime(engine, user));
}

/** {@link applyDue} now. */
export function applyDueNow(engine: Timing, user: User): User {
  return applyDue(user, engine.settings.refreshWindowMs, tokenTime(engine, user), engine.clock.now());
}
