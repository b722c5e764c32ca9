/**
 * A user in memory: read from the store, changed step by step, written back.
 *
 * @module
 */
import { isFhirVersion } from "../../fhir/fhir-version.ts";
import {
  isRenamable,
  isRenaming,
  nothingKnown,
  type UserContext,
  type UserEvent,
  type UserState,
} from "../../../machines/index.ts";
import type { Json, Lane, StoredRecord } from "../../store/contract.ts";
import {
  damaged,
  isCause,
  keptAbout,
  readEnvelope,
  type Envelope,
  type HistoryEntry,
  type Hold,
  type Intent,
  type Meter,
  type Origin,
  type Pause,
  type Sealed,
  type StoredCause,
} from "../../store/envelope.ts";
import {
  isCount,
  isFlag,
  isObject,
  isText,
  isTime,
  listOf,
  oneOf,
  optional,
  orNull,
  shape,
  type Guard,
} from "../../store/guards.ts";
import type { Sealer, Secrets } from "../../store/sealing/sealer.ts";
import { leavingAt, unexportedAt, type Departing } from "./departure.ts";
import { isState, step, type Position } from "./step.ts";

/**
 * One user, outside the store. Every user has all of these members, in one order: an engine copies such objects several
 * times faster than those of many shapes, and each step of a user is a copy.
 */
export interface User extends Departing {
  readonly id: string;
  /** The revision that was read; 0 = not stored yet. */
  readonly revision: number;
  readonly position: Position;
  readonly intent: Intent | null;
  readonly pause: Pause | null;
  readonly lane: Lane;
  /** When its record was created, ms since 1970; `null`: it was created by a release that did not record this. */
  readonly begun: number | null;
  readonly history: readonly HistoryEntry[];
  /** The counters at each of its last steps; steps recorded by an older release have none. */
  readonly meters: readonly Meter[];
  /** Why the calls of its last steps brought nothing, aligned with the end of the history. */
  readonly causes: readonly (StoredCause | null)[];
  /** Who asked for its last steps, as far as that was named, aligned in the same way. */
  readonly doers: readonly (string | null)[];
  readonly calls: Envelope["calls"];
  readonly secrets: Secrets;
  /** How its secrets were sealed, if it was read from the store. */
  readonly asRead: SealedForm | undefined;
  /** The import that added it, if any. */
  readonly origin: Origin | null;
  /** Its former ids, so that forgetting it leaves no trace of them. */
  readonly former: readonly string[];
  /** The revision of the tombstone that its first write replaces, if a user of this id was forgotten here. */
  readonly tombstoneRevision: number | undefined;
  /** Why an operator holds it; `null`: none does. */
  readonly hold: Hold | null;
  /** Its steps since the revision `after`: the next commit makes them durable. After that commit they do not count. */
  readonly unsaved: { readonly after: number; readonly steps: readonly UnsavedStep[] } | undefined;
  /** How long the lease lasts under which it was read, ms: a process runs it, or has died. */
  readonly leaseMs: number | undefined;
}

/** A step that no commit has made durable yet. */
export interface UnsavedStep {
  readonly at: number;
  /** `null`: the user is new. */
  readonly from: UserState | null;
  readonly to: UserState;
  readonly type: UserEvent["type"] | OperatorStep;
  /** Who did it; `null`: not named. */
  readonly by: string | null;
}

/** A step of the history that leaves the machine as it is: an operator holds the user, or lets it continue. */
export type OperatorStep = "HOLD" | "UNHOLD";

/** Steps of the history that a record keeps. */
export const keptSteps = 12;

/** Creates a new user. `tombstoneRevision`: that of the tombstone which its first write replaces; 0 = there is none. */
export function newUser(id: string, lane: Lane, at: number, tombstoneRevision = 0): User {
  return {
    id,
    // seam: a-new-user-continues-the-revision-of-its-tombstone
    revision: tombstoneRevision,
    position: { state: "created", context: nothingKnown },
    intent: null,
    pause: null,
    lane,
    begun: at,
    restarted: tombstoneRevision > 0 ? at : null,
    history: [[at, "created", "ONBOARD"]],
    meters: [[0, 0, 0]],
    causes: [],
    doers: [],
    calls: { management: 0, token: 0 },
    secrets: noSecrets,
    asRead: undefined,
    origin: null,
    former: [],
    tombstoneRevision: tombstoneRevision > 0 ? tombstoneRevision : undefined,
    hold: null,
    exports: [],
    erased: [],
    leaving: null,
    unsaved: {
      after: tombstoneRevision,
      steps: [{ at, from: null, to: "created", type: "ONBOARD", by: null }],
    },
    leaseMs: undefined,
  };
}

const noSecrets: Secrets = {};

/** Secrets, their seal, and what the seal is bound to: if none of it changes, the secrets are not sealed again. */
interface SealedForm {
  readonly id: string;
  readonly secrets: Secrets;
  readonly sealed: Sealed | null;
  readonly format: number;
  readonly oneupUserId: number | null;
}

/** Reads a record. @throws {LifecycleError} `RECORD_TOO_NEW`, `RECORD_DAMAGED` */
export function readUser(record: StoredRecord, sealer: Sealer): User {
  return decoded(record, sealer, ({ format, sealed }, { oneupUserId }) => {
    const secrets = sealer.open({ user: record.id, oneupUserId }, sealed, format);
    return { secrets, asRead: { id: record.id, secrets, sealed, format, oneupUserId } };
  }).user;
}

/** A record before its seal is opened. */
export interface InClear {
  /** Without secrets. Only opening the seal would show whether the rest was tampered with. */
  readonly user: User;
  readonly format: number;
  readonly sealed: Sealed | null;
}

/** Reads a record without its secrets. @throws {LifecycleError} as {@link readUser}, unless only the secrets do not open */
export function readInClear(record: StoredRecord, sealer: Sealer): InClear {
  return decoded(record, sealer, () => unopened);
}

/** What the seal of a record held. */
type Opened = Pick<User, "secrets" | "asRead">;

const unopened: Opened = { secrets: noSecrets, asRead: undefined };

/** `open` opens the seal. A user is large, so it is made once, with what that returns. */
function decoded(
  record: StoredRecord,
  sealer: Sealer,
  open: (kept: Pick<Envelope, "format" | "sealed">, context: UserContext) => Opened,
): InClear {
  const alias = (): string => sealer.alias(record.id);
  const kept = readEnvelope(record.value, alias, sealer.newest);
  if (!isState(kept.state)) throw damaged(alias, "its state is none that the lifecycle knows");
  const { format, sealed } = kept;
  const context = { ...nothingKnown, ...kept.context };
  if (!isContext(context)) throw damaged(alias, "what is known about it is of the wrong kind");
  if (isRenaming(kept.state) !== (context.rename !== null))
    throw damaged(alias, "its state and its rename contradict each other");
  const { secrets, asRead } = open(kept, context);
  const user: User = {
    id: record.id,
    revision: record.revision,
    position: { state: kept.state, context },
    intent: kept.intent,
    pause: kept.pause,
    lane: kept.lane,
    begun: kept.begun ?? null,
    restarted: kept.restarted ?? null,
    history: kept.history,
    meters: kept.meters ?? [],
    // seam: causes-outlast-the-process
    causes: keptAbout(kept.causes, kept.history.length, isCause),
    doers: keptAbout(kept.doers, kept.history.length, isText),
    calls: kept.calls,
    secrets,
    asRead,
    origin: kept.origin ?? null,
    former: kept.former ?? [],
    tombstoneRevision: undefined,
    // seam: a-hold-is-read
    hold: kept.hold ?? null,
    exports: kept.exports ?? [],
    erased: kept.erased ?? [],
    leaving: kept.leaving ?? null,
    unsaved: undefined,
    leaseMs: record.lease !== null && record.lease.leftMs > 0 ? record.lease.leftMs : undefined,
  };
  return { user, format, sealed };
}

const areVersions = listOf(isFhirVersion); // they become part of a URL, so only known versions pass
const isSpan = shape({ since: isTime, times: isCount, lastAt: optional(isTime) });
const isKnownState: Guard = (state) => isText(state) && isState(state);
const isRename = shape({ to: isText, from: (state) => isText(state) && isRenamable(state) });

/** Checks the type of every known fact. Unknown facts of a later release are ignored. */
const isContext = shape<UserContext>({
  oneupUserId: orNull(isCount),
  unconfirmed: oneOf(null, "claimed", "answered", "doubted", "disputed"),
  wasGranted: isFlag,
  lostGrant: isFlag,
  active: orNull(isFlag),
  codeFrom: oneOf(null, "creation", "request"),
  codeAt: orNull(isTime),
  exchanges: isCount,
  maybeSpent: isFlag,
  codesSpent: isCount,
  codesRefused: isCount,
  saidExists: isFlag,
  saidMissing: isFlag,
  attempt: isCount,
  refusals: orNull(isSpan),
  absences: orNull(isSpan),
  search: orNull(isSearch),
  expiresAt: orNull(isTime),
  grantedAt: orNull(isTime),
  shortGrants: isCount,
  refusedTokens: orNull(isSpan),
  rejectedAt: orNull(listOf(isTime)),
  mayArriveUntil: orNull(isTime),
  failure: orNull(shape({ in: isKnownState, reason: isText, why: isText })),
  toPurge: orNull(areVersions),
  purged: orNull(areVersions),
  unpurged: orNull(shape({ versions: areVersions, why: isText })),
  identifiedAt: orNull(isTime),
  rename: orNull(isRename),
  idTaken: isFlag,
});

function isSearch(search: unknown): boolean {
  if (!isObject(search)) return false;
  const { form, hasOthers, skip, longest, first, latest } = search;
  const isWalk = typeof hasOthers === "boolean" && [skip, longest, first ?? 0, latest ?? 0].every(isCount);
  return form === "body" || (form === "pages" && isWalk);
}

/** Encodes a user for the store. What is empty takes no space; members are added one by one, as copies cost more. */
export function writeUser(user: User, sealer: Sealer): Json {
  const { begun, restarted, meters, causes, doers, origin, former, hold, exports, erased, leaving } = user;
  const envelope: { -readonly [Name in keyof Envelope]: Envelope[Name] } = {
    format: sealer.format,
    state: user.position.state,
    context: known(user.position.context),
    intent: user.intent,
    pause: user.pause,
    lane: user.lane,
    history: user.history,
    calls: user.calls,
    sealed: sealedSecrets(user, sealer),
  };
  if (begun !== null) envelope.begun = begun;
  if (restarted !== null) envelope.restarted = restarted;
  if (meters.length > 0) envelope.meters = meters;
  if (causes.some((cause) => cause !== null)) envelope.causes = causes;
  if (doers.some((doer) => doer !== null)) envelope.doers = doers;
  if (origin !== null) envelope.origin = origin;
  if (former.length > 0) envelope.former = former;
  if (hold !== null) envelope.hold = hold;
  if (exports.length > 0) envelope.exports = exports;
  if (erased.length > 0) envelope.erased = erased;
  if (leaving !== null) envelope.leaving = leaving;
  return envelope as unknown as Json; // it holds plain JSON values
}

function sealedSecrets({ id, position, secrets, asRead }: User, sealer: Sealer): Sealed | null {
  const { oneupUserId } = position.context;
  const same = asRead?.secrets === secrets && asRead.id === id && asRead.oneupUserId === oneupUserId;
  if (same && sealer.isCurrent(asRead.format, asRead.sealed)) return asRead.sealed;
  return sealer.seal({ user: id, oneupUserId }, secrets);
}

const unsetFacts = Object.entries(nothingKnown) as [keyof UserContext, unknown][]; // it has these keys and no others

/** Only the known facts: an unset one takes no space on disk. */
function known(context: UserContext): Envelope["context"] {
  const facts: Record<string, unknown> = {};
  for (const [name, unset] of unsetFacts) if (context[name] !== unset) facts[name] = context[name];
  return facts as Envelope["context"]; // the facts of a context are plain JSON values
}

/**
 * Whether no management call was ever made for it and it was not declared as existing. Then creating it is the shortest
 * way.
 */
export function isUncalled({ calls, history, position }: User): boolean {
  if (calls.management > 0 || position.context.oneupUserId !== null) return false;
  return !history.some(([, , event]) => event === "EXPECT_EXISTING");
}

/** The steps that the user's next commit makes durable. */
export function unsavedSteps({ revision, unsaved }: User): readonly UnsavedStep[] {
  const steps = unsaved?.steps ?? [];
  // seam: a-step-becomes-an-event-once
  return unsaved?.after === revision ? steps : [];
}

/** The user after `event`; unchanged if the event has no transition in its state. `by`: who asked for it, if that was named. */
export function stepped(user: User, event: UserEvent, by: string | null = null): User {
  const position = step(user.position, event);
  if (position === user.position) return user;
  const leaving = leavingAt(user, position, event.at);
  const { exports, restarted } = unexportedAt(user, position, event);
  return withStep(user, { position, leaving, exports, restarted }, user.position.state, event, by);
}

/** The user with a step in its history that leads from the state `from` to its own. */
export function withHistoryStep(
  user: User,
  from: UserState,
  step: Pick<UnsavedStep, "at" | "type">,
  by: string | null,
): User {
  return withStep(user, user, from, step, by);
}

/** One copy for the changes of a step and for its entry in the history: a user is large. */
function withStep(
  user: User,
  { position, leaving, exports, restarted }: Pick<User, "position" | "leaving" | "exports" | "restarted">,
  from: UserState,
  { at, type }: Pick<UnsavedStep, "at" | "type">,
  by: string | null,
): User {
  const { calls, causes, doers, history, meters, revision } = user;
  const taken: UnsavedStep = { at, from, to: position.state, type, by };
  const entry: HistoryEntry = [at, position.state, type];
  const meter: Meter = [position.context.attempt, calls.management, calls.token];
  return {
    ...user,
    position,
    leaving,
    exports,
    restarted,
    history: [...history, entry].slice(-keptSteps),
    meters: [...meters, meter].slice(-keptSteps),
    unsaved: { after: revision, steps: [...unsavedSteps(user), taken] },
    causes: causes.length > 0 ? [...causes, null].slice(-keptSteps) : causes,
    doers: doers.length > 0 || by !== null ? [...doers, by].slice(-keptSteps) : doers,
  };
}
