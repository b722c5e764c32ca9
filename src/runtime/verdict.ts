/**
 * Why a user cannot be used now, as an error.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import type { Engine } from "./engine.ts";
import type { User } from "./user.ts";

/** The error for a user without a working token. */
export function notUsable(engine: Engine, user: User): LifecycleError {
  return refusal(engine, user) ?? notReady(engine, user);
}

/** The error if only a person can help: the user failed, or 1upHealth refuses the account. */
export function refusal(engine: Engine, user: User): LifecycleError | null {
  const who = `user ${engine.sealer.alias(user.id)}`;
  const { state, context } = user.position;
  if (state === "failed") {
    const reason = context.failure?.reason ?? "refused";
    return new LifecycleError(
      "USER_FAILED",
      `Cannot use ${who}: its lifecycle failed in ${context.failure?.in} (${reason}: ${context.failure?.why}); retry() goes back there`,
      { facts: { reason } },
    );
  }
  if (state === "offboarded") {
    return new LifecycleError(
      "USER_OFFBOARDED",
      `Cannot use ${who}: it was offboarded; onboard() starts anew`,
    );
  }
  if (user.pause?.reason === "credentials") {
    return new LifecycleError(
      "CREDENTIALS_REFUSED",
      `Cannot go on with ${who}: 1upHealth refuses the client id and secret; the user is kept and goes on when they are right`,
    );
  }
  if (user.pause?.reason === "forbidden") {
    return new LifecycleError(
      "FORBIDDEN",
      `Cannot go on with ${who}: 1upHealth answered 403, often because of where the call comes from; the user is kept`,
    );
  }
  return null;
}

function notReady(engine: Engine, user: User): LifecycleError {
  const wait = user.pause === null ? undefined : Math.max(0, user.pause.until - engine.clock.now());
  const why = user.pause === null ? "a call is under way" : `it waits (${user.pause.reason})`;
  return new LifecycleError(
    "USER_NOT_READY",
    `Cannot use user ${engine.sealer.alias(user.id)} yet: it is ${user.position.state} and ${why}`,
    { retryable: true, retryAfterMs: wait },
  );
}
