/**
 * Lets a user go: its secrets are erased at once, then, if the application asks for it, what it has at 1upHealth. The
 * purge stands in the record, so whoever works on users goes on with it, after a crash as after a cut.
 *
 * @module
 */
import { leftToPurge } from "../../machines/index.ts";
import { isLifecycleError, LifecycleError } from "../errors.ts";
import type { FhirVersion } from "../fhir/versions.ts";
import type { RemoteUser } from "../http/user-management.ts";
import type { StoredRecord } from "../store/contract.ts";
import { heardByNobody } from "./act.ts";
import { firstLookMs, longestLookMs, within } from "./arrive.ts";
import type { Arrival, Patience } from "./arrive.ts";
import { untilAtRest } from "./at-rest.ts";
import { readOrBereft } from "./bereft.ts";
import { newLease } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { load } from "./load.ts";
import type { Found } from "./load.ts";
import { askRemote } from "./remote.ts";
import { renaming } from "./renaming.ts";
import { restingPlace } from "./rest.ts";
import { save } from "./save.ts";
import { stepped } from "./user.ts";
import type { User } from "./user.ts";

/** Nothing is left to be done for a user who was let go, or only a person can go on, or somebody has begun it anew. */
export const isGone: Arrival = (_, { position }, barrier) =>
  position.state !== "offboarding" || barrier?.reason === "credentials" || barrier?.reason === "forbidden";

/**
 * Writes down that the user is let go and what is to be erased; nothing if that stands there already. Resolves when it is
 * durable.
 *
 * @throws {LifecycleError} `USER_CONFLICT` for a purge of a user who shares its number with another one here;
 * `USER_NOT_READY` when patience ends while a call for the user is under way; as {@link load} and
 * {@link askRemote}; the signal's reason
 */
export async function offboard(
  engine: Engine,
  id: string,
  purge: readonly FhirVersion[],
  patience: Patience,
): Promise<void> {
  for (let look = firstLookMs; ; look = Math.min(longestLookMs, 2 * look)) {
    patience.signal.throwIfAborted();
    const found = await load(engine, id, readOrBereft);
    const leased = found.record.lease !== null && found.record.lease.leftMs > 0;
    if (engine.driving.has(id) || leased || renaming(found.user)) {
      await untilAtRest(engine, verb, { id, found, look, patience });
      continue;
    }
    if (purge.length > 0 && found.user.position.context.idTaken) throw shared(engine, id);
    if (isWritten(found.user, purge)) return;
    const isNumbered = found.user.position.context.oneupUserId !== null;
    let user: User;
    if (purge.length === 0 || (!isNumbered && found.user.position.state !== "offboarded")) {
      user = offboarded(engine, found);
    } else {
      const facts = isNumbered ? {} : await whoIs(engine, found, patience);
      if (facts === "unheard") continue;
      if (facts === null) return; // 1upHealth has nobody whose data could be erased
      user = purging(engine, found.user, purge, facts);
    }
    const place = restingPlace(engine, user, null);
    const how = { mode: "none", lease: newLease(engine), ...place } as const;
    const done = await save(engine, user, patience.signal, how);
    if (done.type !== "committed") continue; // somebody was faster, or it was ours and nobody heard of it
    const written = { ...user, revision: done.revision };
    engine.changes.rested(written, place);
    if (isWritten(written, purge)) return;
  }
}

const verb = "offboard a user";

/** Does the record say so already? A call that is repeated must not begin the purge anew. */
function isWritten({ position, intent }: User, purge: readonly FhirVersion[]): boolean {
  const { state, context } = position;
  if (purge.length === 0) return state === "offboarded";
  const left = leftToPurge(context, purge);
  if (state === "offboarded") return left.length === 0;
  return state === "offboarding" && (intent !== null || left.length === context.toPurge?.length);
}

/** The user without secrets; nothing more is done for it. */
function offboarded({ clock }: Engine, { user, record }: Found): User {
  const at = clock.now();
  // Its secrets go whatever became of a call that nobody heard of; but a create may still be on its way.
  const settled = user.intent === null ? user : heardByNobody(user, at);
  const pause = mayArriveMs(settled, record) > 0 ? settled.pause : null;
  return { ...stepped(settled, { type: "OFFBOARDED", at }), secrets: {}, pause };
}

/** The user without secrets, whose data are erased next. */
function purging(
  { clock }: Engine,
  user: User,
  purge: readonly FhirVersion[],
  facts: Partial<RemoteUser>,
): User {
  const at = clock.now();
  const settled = user.intent === null ? user : heardByNobody(user, at);
  return { ...stepped(settled, { type: "OFFBOARD", at, purge, user: facts }), secrets: {}, pause: null };
}

/** How long a create may still be on its way, ms. */
function mayArriveMs({ pause }: User, { dueInMs }: StoredRecord): number {
  return pause?.reason === "unavailable" ? Math.max(0, dueInMs ?? 0) : 0;
}

/**
 * Who is erased at 1upHealth is told by a number, which may never have been heard of. The user is offboarded already: it
 * is not to be registered because there is no slot for the question.
 */
async function whoIs(
  engine: Engine,
  { user, record }: Found,
  patience: Patience,
): Promise<RemoteUser | "unheard" | null> {
  const { id } = user;
  const { signal, until } = patience;
  const waitMs = mayArriveMs(user, record);
  if (waitMs > 0) {
    await untilConclusive(engine, id, waitMs, patience);
    return "unheard";
  }
  try {
    const asked = askRemote(engine, { query: { appUserId: id }, lane: "interactive", signal });
    const users = await within(engine, asked, patience);
    if (users === undefined) throw notReady(engine, id, "1upHealth was not asked yet who it is");
    return users.find(({ appUserId }) => appUserId === id) ?? null;
  } catch (error) {
    const left = until - engine.clock.monotonic();
    if (!isLifecycleError(error) || !error.retryable || left <= 0) throw error;
    await engine.changes.ofUser(id, Math.min(left, error.retryAfterMs ?? longestLookMs), signal);
    return "unheard";
  }
}

/** A create may still arrive, so that 1upHealth cannot say yet whether the user exists. */
async function untilConclusive(
  engine: Engine,
  id: string,
  waitMs: number,
  { until, signal }: Patience,
): Promise<void> {
  const left = until - engine.clock.monotonic();
  if (left <= 0) throw notReady(engine, id, "it may be created in this moment");
  await engine.changes.ofUser(id, Math.min(left, waitMs, longestLookMs), signal);
}

/** A purge goes by the number, and 1upHealth has given this one the id of another user here. */
function shared({ sealer }: Engine, id: string): LifecycleError {
  return new LifecycleError(
    "USER_CONFLICT",
    `Cannot purge user ${sealer.alias(id)}: it is one user at 1upHealth with another one here, whose data would be erased; offboard it without a purge`,
  );
}

function notReady({ sealer }: Engine, id: string, why: string): LifecycleError {
  return new LifecycleError("USER_NOT_READY", `Cannot ${verb}, ${sealer.alias(id)}: ${why}`, {
    retryable: true,
  });
}
