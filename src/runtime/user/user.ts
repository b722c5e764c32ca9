/**
 * A user as the runtime holds it for a moment: read from the store, changed step by step, written back.
 *
 * @module
 */
import { fhirVersions } from "../fhir/versions.ts";
import { nothingKnown } from "../../machines/index.ts";
import type { UserContext, UserEvent } from "../../machines/index.ts";
import type { Json, Lane, StoredRecord } from "../store/contract.ts";
import { damaged, readEnvelope } from "../store/envelope.ts";
import type { Envelope, HistoryEntry, Intent, Meter, Origin, Pause, Sealed } from "../store/envelope.ts";
import { isCount, isObject, isTime } from "../store/shapes.ts";
import type { Sealer, Secrets } from "../store/seal.ts";
import { isState, step } from "./step.ts";
import type { Position } from "./step.ts";

/** One user, outside the store. */
export interface User {
  readonly id: string;
  /** The revision that was read; 0 = not stored yet. */
  readonly revision: number;
  readonly position: Position;
  readonly intent: Intent | null;
  readonly pause: Pause | null;
  readonly lane: Lane;
  readonly history: readonly HistoryEntry[];
  /** What had been counted at each of its last steps; steps that an older release wrote down have none. */
  readonly meters: readonly Meter[];
  readonly calls: Envelope["calls"];
  readonly secrets: Secrets;
  /** How its secrets were sealed, if it was read. */
  readonly asRead?: SealedForm;
  /** The import that brought it, if one did. */
  readonly origin: Origin | null;
}

/** Steps of the history that a record keeps. */
export const keptSteps = 12;

/** A user nobody has heard of. `revision`: of what stands under its id, if somebody was forgotten there. */
export function newUser(id: string, lane: Lane, at: number, revision = 0): User {
  return {
    id,
    revision,
    position: { state: "created", context: nothingKnown },
    intent: null,
    pause: null,
    lane,
    history: [[at, "created", "ONBOARD"]],
    meters: [[0, 0, 0]],
    calls: { management: 0, token: 0 },
    secrets: noSecrets,
    origin: null,
  };
}

const noSecrets: Secrets = {};

/** Secrets, their seal, and what that is bound to: as long as all stays the same, nothing is sealed anew. */
interface SealedForm {
  readonly id: string;
  readonly secrets: Secrets;
  readonly sealed: Sealed | null;
  readonly format: number;
  readonly oneupUserId: number | null;
}

/** Reads a record. @throws {LifecycleError} `RECORD_TOO_NEW`, `RECORD_DAMAGED` */
export function readUser(record: StoredRecord, sealer: Sealer): User {
  const { user, format, sealed } = readInClear(record, sealer);
  const { oneupUserId } = user.position.context;
  const secrets = sealer.open({ user: record.id, oneupUserId }, sealed, format);
  return { ...user, secrets, asRead: { id: record.id, secrets, sealed, format, oneupUserId } };
}

/** What a record says before its seal is opened. */
export interface InClear {
  /** Without secrets. Only the seal could say whether somebody changed the rest. */
  readonly user: User;
  readonly format: number;
  readonly sealed: Sealed | null;
}

/** Reads a record without its secrets. @throws {LifecycleError} as {@link readUser}, unless only the secrets do not open */
export function readInClear(record: StoredRecord, sealer: Sealer): InClear {
  const alias = (): string => sealer.alias(record.id);
  const kept = readEnvelope(record.value, alias, sealer.newest);
  if (!isState(kept.state)) throw damaged(alias, "its state is none that the lifecycle knows");
  const { format, sealed } = kept;
  const context = { ...nothingKnown, ...kept.context };
  if (!isContext(context)) throw damaged(alias, "what is known about it is of the wrong kind");
  const user: User = {
    id: record.id,
    revision: record.revision,
    position: { state: kept.state, context },
    intent: kept.intent,
    pause: kept.pause,
    lane: kept.lane,
    history: kept.history,
    meters: kept.meters ?? [],
    calls: kept.calls,
    secrets: noSecrets,
    origin: kept.origin ?? null,
  };
  return { user, format, sealed };
}

/** Is every fact of the kind it must be? Others, of a later release, are not looked at. */
function isContext(facts: Readonly<Record<keyof UserContext, unknown>>): facts is UserContext {
  const { oneupUserId, active, codeFrom, failure } = facts;
  const counts = [facts.exchanges, facts.codesSpent, facts.codesRefused, facts.attempt];
  const times = [facts.codeAt, facts.expiresAt, facts.grantedAt, facts.identifiedAt];
  return (
    (oneupUserId === null || isCount(oneupUserId)) &&
    (active === null || typeof active === "boolean") &&
    (codeFrom === null || codeFrom === "creation" || codeFrom === "request") &&
    counts.every(isCount) &&
    times.every((time) => time === null || isTime(time)) &&
    typeof facts.maybeSpent === "boolean" &&
    typeof facts.saidExists === "boolean" &&
    typeof facts.saidMissing === "boolean" &&
    typeof facts.idTaken === "boolean" &&
    [facts.toPurge, facts.purged].every((versions) => versions === null || isVersions(versions)) &&
    (failure === null || isFailure(failure))
  );
}

function isVersions(versions: unknown): boolean {
  // They become part of a URL.
  return Array.isArray(versions) && versions.every((one) => fhirVersions.some((version) => version === one));
}

function isFailure(failure: unknown): boolean {
  if (!isObject(failure)) return false;
  const { in: state, reason, why } = failure;
  return typeof state === "string" && isState(state) && typeof reason === "string" && typeof why === "string";
}

/** What is written of a user. */
export function writeUser(user: User, sealer: Sealer): Json {
  const envelope: Envelope = {
    format: sealer.format,
    state: user.position.state,
    context: known(user.position.context),
    intent: user.intent,
    pause: user.pause,
    lane: user.lane,
    history: user.history,
    ...(user.meters.length > 0 && { meters: user.meters }),
    calls: user.calls,
    sealed: sealedSecrets(user, sealer),
    ...(user.origin && { origin: user.origin }),
  };
  return envelope as unknown as Json; // likewise
}

function sealedSecrets({ id, position, secrets, asRead }: User, sealer: Sealer): Sealed | null {
  const { oneupUserId } = position.context;
  const same = asRead?.secrets === secrets && asRead.id === id && asRead.oneupUserId === oneupUserId;
  if (same && sealer.isCurrent(asRead.format, asRead.sealed)) return asRead.sealed;
  return sealer.seal({ user: id, oneupUserId }, secrets);
}

/** What is known, without the rest: a fact that was never learnt takes no room on disk. */
function known(context: UserContext): Envelope["context"] {
  const facts: Record<string, unknown> = {};
  for (const name in nothingKnown) {
    const fact = name as keyof UserContext; // nothingKnown has these keys and no others
    if (context[fact] !== nothingKnown[fact]) facts[fact] = context[fact];
  }
  return facts as Envelope["context"]; // the facts of a context are plain JSON values
}

/** Has nobody ever made a management call for it, or been told that it is there? Then creating it is the shortest way. */
export function isUncalled({ calls, history, position }: User): boolean {
  if (calls.management > 0 || position.context.oneupUserId !== null) return false;
  return !history.some(([, , event]) => event === "EXPECT_EXISTING");
}

/** The user after `event`; unchanged if the event means nothing where it stands. */
export function stepped(user: User, event: UserEvent): User {
  const position = step(user.position, event);
  if (position === user.position) return user;
  const { calls, history, meters } = user;
  const entry: HistoryEntry = [event.at, position.state, event.type];
  const meter: Meter = [position.context.attempt, calls.management, calls.token];
  return {
    ...user,
    position,
    history: [...history, entry].slice(-keptSteps),
    meters: [...meters, meter].slice(-keptSteps),
  };
}
