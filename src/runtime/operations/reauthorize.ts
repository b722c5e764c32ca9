/**
 * Discards a grant and gets a new one. This needs no secret, so it also recovers a user whose record is damaged. Only
 * an explicit call does that: a record that was tampered with should be noticed.
 *
 * @module
 */
import { LifecycleError, unlessDamaged } from "../../errors.ts";
import { sendEvent } from "../engine/wait-for-user.ts";
import { damagedRecord, remainsOf } from "./damaged-record.ts";
import { refusals } from "./health.ts";
import type { Engine, Deadline } from "../engine/engine.ts";
import { loadRecord, type LoadedUser } from "../engine/load-user.ts";
import { stopOf, whenNotStopped } from "../engine/stop.ts";
import { endpointOf } from "../engine/perform-call.ts";
import { callOf } from "../user/step.ts";
import { readUser, type User } from "../user/user.ts";

/**
 * `by`: who asks for it, if that was named. While an operator has stopped the call that follows, or 1upHealth refuses the
 * client, the grant is kept.
 *
 * @throws as {@link sendEvent}, and {@link LifecycleError} `PAUSED`, `CREDENTIALS_REFUSED`, `FORBIDDEN`
 */
export async function reauthorize(
  engine: Engine,
  id: string,
  by: string | undefined,
  deadline: Deadline,
): Promise<void> {
  let lost = false;
  let hasGrant = false;
  /** The user, or what is left of it if its secrets cannot be decrypted. */
  const read = async (): Promise<LoadedUser> => {
    const record = await loadRecord(engine, id);
    const user = unlessDamaged(() => readUser(record, engine.sealer));
    if (user === undefined) {
      lost = true;
      // A worker may have deferred the damaged user; an explicit call need not wait that long.
      return { user: remainsOf(record, engine.sealer), record: { ...record, dueInMs: 0 } };
    }
    hasGrant = !lost && (user.secrets.refreshToken ?? user.secrets.accessToken) !== undefined;
    return { user: lost ? damagedRecord(user) : user, record };
  };
  const cannot = `Cannot reauthorize user ${engine.sealer.alias(id)}`;
  const beforehand = async (next: User): Promise<void> => {
    await whenNotStopped(engine, () => stopOf(engine, next), cannot, deadline);
    await assertAccepted(engine, next, hasGrant, cannot);
  };
  const event = { type: "REAUTHORIZE", at: engine.clock.now() } as const;
  await sendEvent(engine, id, event, deadline, { verb: "reauthorize a user", read, beforehand, by });
}

/**
 * A refused client gets no code, so nothing is discarded for one. A user without a grant may be the one whose call tries
 * the shut gate when that is due.
 */
async function assertAccepted(engine: Engine, next: User, hasGrant: boolean, cannot: string): Promise<void> {
  const call = callOf(next.position.state);
  if (call === undefined) return;
  await engine.account.recheck(call);
  const { secret, region } = engine.account.gates();
  for (const { state, reason, until } of [secret, region]) {
    const isShut = state !== "open" && (hasGrant || engine.clock.now() < until);
    if (!isShut || (reason !== "credentials" && reason !== "forbidden")) continue;
    const [code, why] = refusals[reason];
    throw new LifecycleError(code, `${cannot}: ${why}; nothing was changed`, {
      retryable: reason === "forbidden",
      failedCall: engine.endpoints.trouble(endpointOf(call))?.cause ?? null,
    });
  }
}
