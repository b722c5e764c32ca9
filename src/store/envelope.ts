/**
 * The stored form of a user: everything the runtime knows about it, with a format number. Nothing else is written to
 * disk.
 *
 * @module
 */
import { LifecycleError, type Cause, recordDamaged } from "../errors.ts";
import { lanes, type Json, type Lane } from "./contract.ts";
import {
  isCount,
  isFlag,
  isNumber,
  isObject,
  isText,
  isTexts,
  isTime,
  listOf,
  objectIn,
  oneOf,
  optional,
  orNull,
  shape,
} from "./guards.ts";

/**
 * The newest format this release knows. It reads this format and all older ones, and writes the one in the account's
 * record, so that a process of the previous release can run beside it. `docs/contributing.md` has the rule for a change.
 */
export const newestFormat = 1;

/** The format that a new store starts with: one that the previous release knows too. */
export const startFormat = 1;

/** A call that was decided on and has no outcome yet. Without a live lease, it is in doubt. */
export interface Intent {
  readonly call: string;
  /** Identifies the attempt. */
  readonly attempt: string;
  /** When it was decided, ms since 1970. */
  readonly at: number;
}

/** Why a user waits, and until when (ms since 1970). */
export interface Pause {
  readonly reason: PauseReason;
  readonly until: number;
  /** The previous call may still arrive, so no event may trigger the same call before `until`. */
  readonly mayArrive?: true;
  /** From when on it can no longer arrive, if the pause lasts longer than that. */
  readonly arrivedAt?: number;
}

/** The reasons for which a user waits. */
export type PauseReason =
  /** Waiting for a free slot of the account's limit. */
  | "rateLimit"
  /** 1upHealth answered 429 although a slot was free: another client uses the same account. */
  | "throttled"
  /** 1upHealth did not answer, or answered with a server error. */
  | "unavailable"
  /** 1upHealth refuses the client id and secret. */
  | "credentials"
  /** 1upHealth answered 403. */
  | "forbidden"
  /** A fresh code may take a second to register. */
  | "codeRegisters"
  /** Several codes in a row led to no token; the next attempt is delayed. */
  | "codesSpent"
  /** 1upHealth refused the last call without giving a reason. */
  | "unexplained"
  /** 1upHealth's answer was about another user, or listed other users but not this one. */
  | "otherUsers"
  /** 1upHealth does not list the user, which it knew before. */
  | "missing"
  /** Its tokens live for so short that they are renewed at growing intervals. */
  | "shortTokens"
  /** 1upHealth erases for up to 30 s per call; the next call continues. */
  | "purging";

/** One step of a user's history: time, resulting state, event. */
export type HistoryEntry = readonly [at: number, state: string, event: string];

/** Counters at the time of a step: consecutive calls without a result, and the total number of calls sent. */
export type Meter = readonly [attempt: number, management: number, token: number];

/** Why the call of a step brought nothing. Its time and attempt are those of the step. */
export type StoredCause = Omit<Cause, "attempt" | "at" | "retryAt"> & { readonly retryAt: number | null };

/** Sealed secrets and, in clear text, their names. */
export interface Sealed {
  /** Id of the store key. */
  readonly key: string;
  readonly fields: readonly string[];
  /** base64: salt of the data key (16 bytes), nonce (12), tag (16), ciphertext. */
  readonly text: string;
}

/** The import that a user came from, and whether the user has received a token since. */
export interface Origin {
  readonly name: string;
  readonly arrived: boolean;
}

/** An operator has stopped the management calls for this user. */
export interface Hold {
  /** The operator's words. */
  readonly reason: string;
  /** Ms since 1970. */
  readonly since: number;
  /** Who holds it, if that was named. */
  readonly by?: string;
}

/**
 * An export that has finished this user, when (ms since 1970), and the FHIR versions of which it has all types. Without
 * these, as of an earlier release, it counts as one that left something out until it is started again.
 */
export type ExportMark = readonly [name: string, at: number, whole?: readonly string[]];

/** The confirmed purge of one FHIR version. */
export interface Erasure {
  readonly version: string;
  /** When the confirmation arrived, ms since 1970. */
  readonly at: number;
  /** SHA-256 of the answer, hex. */
  readonly digest: string;
}

/** What was erased when the user was offboarded. */
export interface Departure {
  readonly at: number;
  readonly oneupUserId: number | null;
  readonly purged: readonly Erasure[];
  /** Versions whose purge was requested and never confirmed, and why. */
  readonly skipped: { readonly versions: readonly string[]; readonly why: string } | null;
}

/** A user belongs to a leave: it is to be offboarded, or has been. */
export interface Leaving {
  readonly name: string;
  /** Names its receipt. */
  readonly receipt: string;
  readonly at: number;
  /** `null` until it is offboarded. It stays if the user signs up again. */
  readonly done: Departure | null;
  /** Whether its receipt is in the receipts. */
  readonly isReceipted: boolean;
}

/** Marks of exports that a record keeps: the latest ones. */
export const keptExports = 8;

/** The stored form of a user. */
export interface Envelope {
  readonly format: number;
  readonly state: string;
  /** The machine's context: facts, no secrets. */
  readonly context: Readonly<Record<string, Json>>;
  readonly intent: Intent | null;
  readonly pause: Pause | null;
  /** The lane in which it waits when it needs a slot. */
  readonly lane: Lane;
  /** When the record began, ms since 1970. A release that does not know this field drops it. */
  readonly begun?: number;
  /** When it started over after it was offboarded or forgotten, ms since 1970. Missing if it never did. */
  readonly restarted?: number;
  /** The last steps, oldest first. */
  readonly history: readonly HistoryEntry[];
  /**
   * One meter for each of the latest steps, as far back as they were recorded. A release that does not know this field
   * drops it.
   */
  readonly meters?: readonly Meter[];
  /** The same for causes; `null`: the step has none. Missing if none has. */
  readonly causes?: readonly (StoredCause | null)[];
  /** The same for the people who did a step, as they were named; `null`: the step has none. Missing if none has. */
  readonly doers?: readonly (string | null)[];
  /** The number of calls sent for this user. */
  readonly calls: { readonly management: number; readonly token: number };
  readonly sealed: Sealed | null;
  /** The import it came from, if any. */
  readonly origin?: Origin;
  /** Its ids before it was renamed; keyed names if ids are hidden. */
  readonly former?: readonly string[];
  /** Why an operator holds it, if one does. A release that does not know this field drops it. */
  readonly hold?: Hold;
  /** The exports that have finished it since it started over. */
  readonly exports?: readonly ExportMark[];
  /** What was erased at 1upHealth, the last time of each version. */
  readonly erased?: readonly Erasure[];
  /** The leave that it belongs to, if any. */
  readonly leaving?: Leaving;
}

/**
 * Validates a stored value. `user` returns the user's name for error messages, `newest` is the newest format known
 * here.
 *
 * @throws {LifecycleError} `RECORD_TOO_NEW` if a newer release wrote it, `RECORD_DAMAGED` if it is not a valid record
 */
export function readEnvelope(value: Json, user: () => string, newest: number = newestFormat): Envelope {
  const format = formatOf(value);
  if (format === null) throw damaged(user, "it has no format number");
  if (format > newest) {
    throw new LifecycleError(
      "RECORD_TOO_NEW",
      `Cannot read user ${user()}: its record has format ${format}, this release knows formats up to ${newest}; update oneup-lifecycle`,
      { facts: { format } },
    );
  }
  if (format < 1 || !Number.isInteger(format)) throw damaged(user, `its format ${format} never existed`);
  if (!isEnvelope(value)) throw damaged(user, "a field is missing or has the wrong type");
  return value;
}

/** The format of a record; `null` if it has none. */
export function formatOf(value: Json): number | null {
  return isObject(value) && typeof value["format"] === "number" ? value["format"] : null;
}

/** The id of the store key that the record's secrets are sealed with; `null` if it has none. */
export function sealingKeyOf(value: Json): string | null {
  const { key } = objectIn(value, "sealed");
  return typeof key === "string" ? key : null;
}

function isEnvelope(record: unknown): record is Envelope {
  if (!isObject(record)) return false;
  const { state, context, intent, pause, lane, history, calls, sealed, origin, former, hold } = record;
  const { exports, erased, leaving } = record;
  const { begun, restarted, meters = [] } = record;
  return (
    typeof state === "string" &&
    isObject(context) &&
    (intent === null || isIntent(intent)) &&
    (pause === null || (isObject(pause) && typeof pause["reason"] === "string" && isTime(pause["until"]))) &&
    lanes.some((known) => known === lane) &&
    (begun === undefined || isTime(begun)) &&
    (restarted === undefined || isTime(restarted)) &&
    Array.isArray(history) &&
    history.every(isEntry) &&
    Array.isArray(meters) &&
    meters.length <= history.length &&
    meters.every(isMeter) &&
    isObject(calls) &&
    isCount(calls["management"]) &&
    isCount(calls["token"]) &&
    (sealed === null || isSealed(sealed)) &&
    (origin === undefined || isOrigin(origin)) &&
    (former === undefined || isTexts(former)) &&
    (hold === undefined || isHold(hold)) &&
    (exports === undefined || areMarks(exports)) &&
    (erased === undefined || areErasures(erased)) &&
    (leaving === undefined || isLeaving(leaving))
  );
}

/** Of the latest steps, of at most `steps`, what is kept about each. What cannot be read is left out: it decides nothing. */
export function keptAbout<T>(
  kept: unknown,
  steps: number,
  isReadable: (one: unknown) => one is T,
): readonly (T | null)[] {
  if (!Array.isArray(kept) || steps === 0) return [];
  return kept.slice(-steps).map((one: unknown) => (isReadable(one) ? one : null));
}

export const isCause: (cause: unknown) => cause is StoredCause = shape<StoredCause>({
  call: isText,
  endpoint: oneOf("management", "token", "fhir"),
  host: isText,
  status: orNull(isNumber),
  code: isText,
  timeoutMs: optional(isNumber),
  issue: optional(shape({ code: isText, at: isTexts })),
  text: optional(shape({ length: isCount, fingerprint: isText })),
  retryAt: orNull(isTime),
});

const areErasures = listOf(shape<Erasure>({ version: isText, at: isTime, digest: isText }));

const isDeparture = shape<Departure>({
  at: isTime,
  oneupUserId: orNull(isCount),
  purged: areErasures,
  skipped: orNull(shape({ versions: Array.isArray, why: isText })),
});

const isLeaving = shape<Leaving>({
  name: isText,
  receipt: isText,
  at: isTime,
  done: orNull(isDeparture),
  isReceipted: isFlag,
});

const isOrigin = shape<Origin>({ name: isText, arrived: isFlag });
const isHold = shape<Hold>({ reason: isText, since: isTime, by: optional(isText) });
const isIntent = shape<Intent>({ call: isText, attempt: isText, at: isTime });
const isWhole = optional(isTexts);
const areMarks = listOf(
  (mark) => Array.isArray(mark) && isText(mark[0]) && isTime(mark[1]) && isWhole(mark[2]),
);

/** Whether these are sealed secrets. */
export function isSealed(sealed: unknown): sealed is Json & Sealed {
  return isObject(sealed) && isText(sealed["text"]) && isTexts(sealed["fields"]) && isText(sealed["key"]);
}

function isEntry(entry: unknown): boolean {
  if (!Array.isArray(entry) || entry.length !== 3) return false;
  const [at, state, event] = entry as readonly unknown[]; // elements of any type
  return isTime(at) && typeof state === "string" && typeof event === "string";
}

function isMeter(meter: unknown): boolean {
  return Array.isArray(meter) && meter.length === 3 && meter.every(isCount);
}

/** The error for a record that cannot be read. `user` returns the user's name. */
export function damaged(user: () => string, why: string): LifecycleError {
  return recordDamaged(`Cannot read user ${user()}: ${why}; reauthorize() gets a new grant`);
}
