/**
 * Puts a user into any state of the lifecycle without a call: writes its record, with the shortest history that leads to
 * that state, and changes the sandbox as if those steps had happened.
 *
 * @module
 */
import type { UserEvent, UserState } from "../../machines/index.ts";
import { invalidOption, LifecycleError } from "../errors.ts";
import { fhirVersions } from "../fhir/fhir-version.ts";
import { lifeOf } from "../http/token.ts";
import { onceArrived } from "../runtime/engine/apply-outcome.ts";
import { among, checkValue } from "../checks.ts";
import { newLease, type Engine } from "../runtime/engine/engine.ts";
import { lookForUser } from "../runtime/engine/load-user.ts";
import { schedule } from "../runtime/engine/schedule.ts";
import { saveUser } from "../runtime/engine/save-user.ts";
import { newUser, stepped, type User } from "../runtime/user/user.ts";
import type { TokenPair } from "../sandbox/state/grants.ts";
import type { World } from "../sandbox/state/world.ts";
import { Secret } from "../secret.ts";
import type { Secrets } from "../store/sealing/sealer.ts";

/** One step of a history: what happened at `at`, in the record and in the sandbox. */
type Step = (user: User, at: number, scene: Scene) => User;

interface Scene {
  readonly world: World;
  readonly refreshWindowMs: number;
  readonly id: string;
  /** Another id, in the form that the record may hold. */
  readonly newId: string;
}

/** The user exists under its own id, so that a search finds it. */
const isSaidToBeMissing: Step = (user, at) => without(user, { type: "USER_MISSING", at });
const isRefused: Step = (user, at) => without(user, { type: "REFUSED", at, why: "http_400" });
const isToBePurged: Step = (user, at) => without(user, { type: "OFFBOARD", at, purge: fhirVersions });
const isInDoubt: Step = (user, at) => ({ ...stepped(user, { type: "IN_DOUBT", at }), intent: null });
const isLetGo: Step = (user, at) => without(user, { type: "OFFBOARDED", at });
const mustRefresh: Step = (user, at) => stepped(user, { type: "DUE", at });

/** The shortest history of each state. The token that must be refreshed was granted earlier. */
const biographies: Readonly<Record<UserState, readonly Step[]>> = {
  created: [],
  codeIssued: [isCreated],
  tokenActive: [isCreated, getsToken],
  expiring: [isCreated, getsToken, mustRefresh],
  refreshed: [isCreated, getsToken, mustRefresh, refreshes],
  reauthorized: [isCreated, getsToken, mustRefresh, losesGrant, getsAnotherCode, getsToken],
  reauthorizing: [isCreated, getsToken, mustRefresh, losesGrant],
  locating: [isCreated, getsToken, mustRefresh, losesGrant, isSaidToBeMissing],
  renaming: [isCreated, getsToken, isToBeRenamed],
  renameInDoubt: [isCreated, getsToken, isToBeRenamed, isInDoubt],
  failed: [isRefused],
  identifying: [isCreated, getsToken, isToBePurged],
  offboarding: [isCreated, getsToken, isToBePurged, isFound],
  offboarded: [isCreated, getsToken, isLetGo],
};

/**
 * Writes the user's record.
 *
 * @throws {LifecycleError} `USER_CONFLICT` if the store has this user already; `INVALID_OPTION` for an unknown state, or if
 * the sandbox's grants do not live long enough for the history
 */
export async function arrange(engine: Engine, world: World, id: string, state: UserState): Promise<void> {
  const names = Object.keys(biographies) as readonly UserState[]; // its keys are these
  checkValue("arrange a user", "state", state, among(...names));
  const there = await lookForUser(engine, id);
  if (there.user !== null) {
    throw new LifecycleError(
      "USER_CONFLICT",
      `Cannot arrange user ${engine.sealer.alias(id)}: it must not exist, but it is ${there.user.position.state}`,
    );
  }
  const newId = `${id} (renamed)`;
  const form = engine.hidden === null ? newId : engine.hidden.seal(id, newId);
  const scene: Scene = { world, refreshWindowMs: engine.settings.refreshWindowMs, id, newId: form };
  const now = engine.clock.now();
  const steps = biographies[state];
  const refreshAt = steps.indexOf(mustRefresh);
  const before = refreshAt < 0 ? now : now - ageOfAToken(scene);
  let user = newUser(id, "interactive", before, there.revision);
  for (const [index, step] of steps.entries()) user = step(user, index < refreshAt ? before : now, scene);
  const place = schedule(engine, user, null);
  const done = await saveUser(engine, user, false, { mode: "none", lease: newLease(engine), ...place });
  if (done.type !== "committed") return arrange(engine, world, id, state); // a concurrent call created the user
  engine.changes.becameIdle({ ...user, revision: done.revision }, place);
}

/** The age of a token that is in the middle of its refresh window, in ms. */
function ageOfAToken({ world, refreshWindowMs }: Scene): number {
  const lifeMs = lifeOfTokens(world);
  return lifeMs - Math.min(refreshWindowMs, lifeMs / 2) / 2;
}

/** For how long a lifecycle takes a token of the sandbox to live, ms: its `expires_in` is in whole seconds. */
function lifeOfTokens({ settings }: World): number {
  return lifeOf(Math.floor(settings.accessTokenLifeMs / 1_000));
}

function isCreated(user: User, at: number, { world, id }: Scene): User {
  const { active } = world.settings;
  const { oneupUserId } = world.users.find(id) ?? world.users.add(id, active);
  const after = stepped(user, { type: "USER_CREATED", at, user: { oneupUserId, active } });
  return { ...after, secrets: codeFor(oneupUserId, at, world) };
}

function getsAnotherCode(user: User, at: number, { world }: Scene): User {
  const oneupUserId = numberOf(user);
  const after = stepped(user, { type: "CODE_ISSUED", at, user: { oneupUserId } });
  return { ...after, secrets: codeFor(oneupUserId, at, world) };
}

function getsToken(user: User, at: number, scene: Scene): User {
  return granted(user, at, scene, scene.world.grants.exchange(user.secrets.code?.reveal() ?? "", at));
}

function refreshes(user: User, at: number, scene: Scene): User {
  const refreshToken = user.secrets.refreshToken?.reveal() ?? "";
  return granted(user, at, scene, scene.world.grants.refresh(refreshToken, at));
}

function losesGrant(user: User, at: number, { world }: Scene): User {
  world.grants.revoke(numberOf(user));
  return without(user, { type: "GRANT_LOST", at });
}

/** The call is in flight, or its process died; 1upHealth has not carried it out. */
function isToBeRenamed(user: User, at: number, { newId }: Scene): User {
  const after = stepped(user, { type: "RENAME", at, to: newId });
  return { ...after, intent: { call: "updateUser", attempt: "arranged", at } };
}

function isFound(user: User, at: number, { world }: Scene): User {
  const { oneupUserId, active } = world.users.byId(numberOf(user)) ?? {};
  return without(user, { type: "USER_FOUND", at, user: { oneupUserId, active } });
}

/** Applies an event that leads to a state without secrets. */
function without(user: User, event: UserEvent): User {
  return { ...stepped(user, event), secrets: {} };
}

/** A code that has registered. */
function codeFor(oneupUserId: number, at: number, { grants, settings }: World): Secrets {
  return { code: new Secret(grants.issueCode(oneupUserId, at - settings.codeReadyMs)) };
}

function granted(user: User, at: number, { world }: Scene, pair: TokenPair | undefined): User {
  if (pair === undefined) {
    const rule = "the sandbox's codes and refresh tokens must live long enough";
    throw invalidOption(`Cannot arrange a user with a token: ${rule}`);
  }
  const after = stepped(user, {
    type: "TOKEN_GRANTED",
    at,
    expiresAt: at + lifeOfTokens(world),
  });
  const secrets = {
    accessToken: new Secret(pair.accessToken),
    refreshToken: new Secret(pair.refreshToken),
  };
  return { ...after, secrets, ...onceArrived(after) };
}

function numberOf({ position }: User): number {
  return position.context.oneupUserId ?? 0; // a created user has one
}
