/**
 * Changes a user's record without a step.
 *
 * @module
 */
import type { Engine, Deadline } from "../engine/engine.ts";
import { isLeased, loadUser, type LoadedUser } from "../engine/load-user.ts";
import { samePlace, saveIdle } from "../engine/save-user.ts";
import { tryAgain, whenIdle } from "../engine/when-idle.ts";
import type { User } from "../user/user.ts";

/** How long to wait until a record is written, ms. */
const waitMs = 30_000;

/**
 * Writes what `change` returns, once no process runs the user; `null`: nothing is written. A call in doubt stays in doubt.
 *
 * @throws {LifecycleError} `USER_NOT_READY` if the user is busy for too long; `STORE_UNAVAILABLE`; as {@link loadUser};
 * what `change` throws; the signal's reason
 */
export function changeRecord(
  engine: Engine,
  id: string,
  { verb, signal }: { readonly verb: string; readonly signal: AbortSignal },
  change: (user: User) => User | null,
): Promise<User> {
  const deadline: Deadline = { until: engine.clock.monotonic() + waitMs, signal };
  const load = (): Promise<LoadedUser> => loadUser(engine, id);
  const waitsFor = ({ record }: LoadedUser): boolean => isLeased(record);
  return whenIdle(engine, id, { verb, deadline, load, waitsFor }, async ({ user, record }) => {
    const changed = change(user);
    if (changed === null) return user;
    const place = user.intent === null ? samePlace(record) : { dueInMs: 0, lane: null };
    const done = await saveIdle(engine, changed, place, deadline);
    return done.type === "committed" ? { ...changed, revision: done.revision } : tryAgain;
  });
}
