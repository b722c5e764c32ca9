/**
 * How a user stands, and why it cannot be used now, as an error.
 *
 * @module
 */
import { isPurging } from "../../machines/index.ts";
import { LifecycleError } from "../errors.ts";
import type { Barrier } from "./account.ts";
import type { Engine } from "./engine.ts";
import { awake, describeUser } from "./status.ts";
import type { UserStatus } from "./status.ts";
import { callOf } from "./step.ts";
import type { User } from "./user.ts";

/** Where the user stands now, with what stands before its next call. */
export function statusOf(engine: Engine, user: User): UserStatus {
  return describeUser(user, engine.settings.windowMs, engine.clock.now(), barrierOf(engine, user));
}

/** The error for a user without a working token. */
export function notUsable(engine: Engine, user: User): LifecycleError {
  return refusal(engine, user) ?? notReady(engine, user);
}

/** The error if only a person can help: the user failed, or 1upHealth refuses the account. */
export function refusal(engine: Engine, user: User): LifecycleError | null {
  const who = `user ${engine.sealer.alias(user.id)}`;
  const { state, context } = user.position;
  if (state === "failed") {
    if (context.idTaken && isPurging(context.failure?.in ?? "")) return shared(engine, user.id);
    const reason = context.failure?.reason ?? "refused";
    return new LifecycleError(
      "USER_FAILED",
      `Cannot use ${who}: its lifecycle failed in ${context.failure?.in} (${reason}: ${context.failure?.why}); retry() goes on from there`,
      { facts: { reason } },
    );
  }
  if (state === "offboarded") {
    return new LifecycleError(
      "USER_OFFBOARDED",
      `Cannot use ${who}: it was offboarded; onboard() starts anew`,
    );
  }
  if (isPurging(state)) {
    return new LifecycleError(
      "USER_OFFBOARDED",
      `Cannot use ${who}: it is being offboarded; onboard() starts anew once its data are erased`,
    );
  }
  const barrier = barrierOf(engine, user);
  if (barrier?.reason === "credentials") {
    return new LifecycleError(
      "CREDENTIALS_REFUSED",
      `Cannot go on with ${who}: 1upHealth refuses the client id and secret; the user is kept and goes on when they are right`,
    );
  }
  if (barrier?.reason === "forbidden") {
    return new LifecycleError(
      "FORBIDDEN",
      `Cannot go on with ${who}: 1upHealth answered 403, often because of where the call comes from; the user is kept`,
    );
  }
  return null;
}

/** A purge goes by the number, and 1upHealth has given this one the id of another user here. */
export function shared({ sealer }: Engine, id: string): LifecycleError {
  return new LifecycleError(
    "USER_CONFLICT",
    `Cannot purge user ${sealer.alias(id)}: it is one user at 1upHealth with another one here, whose data would be erased; offboard it without a purge`,
  );
}

/** The error for whoever would begin anew with a user whose data are still being erased: later it can. */
export function stillPurged(engine: Engine, user: User): LifecycleError {
  const pause = barrierOf(engine, user) ?? user.pause;
  return new LifecycleError(
    "USER_OFFBOARDED",
    `Cannot onboard user ${engine.sealer.alias(user.id)} yet: its data at 1upHealth are being erased`,
    {
      retryable: true,
      retryAfterMs: pause === null ? undefined : Math.max(0, pause.until - engine.clock.now()),
    },
  );
}

/** What stands before the next call of the user, if it needs one. */
export function barrierOf(engine: Engine, user: User): Barrier | null {
  if (engine.account.isQuiet) return null;
  const call = callOf(awake(user, engine.settings.windowMs, engine.clock.now()).position.state);
  return call === undefined ? null : engine.account.barrier(call);
}

function notReady(engine: Engine, user: User): LifecycleError {
  const pause = barrierOf(engine, user) ?? user.pause;
  const wait = pause === null ? undefined : Math.max(0, pause.until - engine.clock.now());
  const why = pause === null ? "a call is under way" : `it waits (${pause.reason})`;
  return new LifecycleError(
    "USER_NOT_READY",
    `Cannot use user ${engine.sealer.alias(user.id)} yet: it is ${user.position.state} and ${why}`,
    { retryable: true, retryAfterMs: wait },
  );
}
