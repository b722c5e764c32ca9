/**
 * The form in which a user is kept: everything the runtime knows, with a format number in front.
 * Nothing else goes to disk.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import { lanes } from "./contract.ts";
import type { Json, Lane } from "./contract.ts";
import { isCount, isObject, isTime } from "./shapes.ts";

/**
 * The newest format this release knows. It reads this one and every older one, and writes what the account's record
 * says: the one before, until `upgradeFormat()`, so that a process of the last release can work beside it.
 *
 * | format | what is new |
 * |---|---|
 * | 1 | |
 * | 2 | a seal names its store key and is bound to the user's `oneup_user_id`, too |
 */
export const newestFormat = 2;

/** A call that was decided and has no outcome yet. Found without a live lease, it is in doubt. */
export interface Intent {
  readonly call: string;
  /** Names the attempt. */
  readonly attempt: string;
  /** When it was decided, ms since 1970. */
  readonly at: number;
  /** What the call needs beyond the record, e.g. the new id of a rename. */
  readonly facts?: Readonly<Record<string, string>>;
}

/** Why a user waits, and until when (ms since 1970). */
export interface Pause {
  readonly reason: PauseReason;
  readonly until: number;
}

/** What a user can wait for. */
export type PauseReason =
  /** A free slot of the account's limit. */
  | "rateLimit"
  /** 1upHealth answered 429 although a slot was free: somebody else spends the account. */
  | "throttled"
  /** 1upHealth did not answer, or with an error of its own. */
  | "unavailable"
  /** 1upHealth refuses the client id and secret. */
  | "credentials"
  /** 1upHealth answered 403. */
  | "forbidden"
  /** A fresh code may take a second to register. */
  | "codeRegisters"
  /** Several codes brought no token; the next one waits. */
  | "codesSpent"
  /** 1upHealth erases for 30 s at a time; the next call goes on. */
  | "purging";

/** One step of a user's history: when, to which state, by which event. */
export type HistoryEntry = readonly [at: number, state: string, event: string];

/** What had been counted when a step was taken: calls in a row that decided nothing, and calls sent in all. */
export type Meter = readonly [attempt: number, management: number, token: number];

/** Sealed secrets and, in clear, which ones they are. */
export interface Sealed {
  /** Id of the store key; not in format 1, which has a single one. */
  readonly key?: string;
  readonly fields: readonly string[];
  /** base64: salt of the data key (16 bytes), nonce (12), tag (16), ciphertext. */
  readonly text: string;
}

/** The import that brought a user, and whether the user has arrived since: got a token. */
export interface Origin {
  readonly name: string;
  readonly arrived: boolean;
}

/** A user as it is kept. */
export interface Envelope {
  readonly format: number;
  readonly state: string;
  /** The machine's context: facts, no secrets. */
  readonly context: Readonly<Record<string, Json>>;
  readonly intent: Intent | null;
  readonly pause: Pause | null;
  /** In which lane it waits when it needs a slot. */
  readonly lane: Lane;
  /** The last steps, oldest first. */
  readonly history: readonly HistoryEntry[];
  /**
   * One for each of the last steps, as far back as they were noted: a release that does not know of them drops them, and
   * begins no new ones.
   */
  readonly meters?: readonly Meter[];
  /** Calls sent for this user so far. */
  readonly calls: { readonly management: number; readonly token: number };
  readonly sealed: Sealed | null;
  /** Where it came from, if an import brought it. */
  readonly origin?: Origin;
}

/**
 * Reads what is kept. `user` names it for messages, `newest` is the newest format that is known here.
 *
 * @throws {LifecycleError} `RECORD_TOO_NEW` if a newer release wrote it, `RECORD_DAMAGED` if it is no record of ours
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
  if (!isEnvelope(value)) throw damaged(user, "a field is missing or of the wrong kind");
  return value;
}

/** The format of a record; `null` if it has none. */
export function formatOf(value: Json): number | null {
  return isObject(value) && typeof value["format"] === "number" ? value["format"] : null;
}

/** The id of the store key a record's secrets are sealed with; `null` if it has none, or is of format 1. */
export function sealingKeyOf(value: Json): string | null {
  const sealed = isObject(value) ? value["sealed"] : null;
  return isObject(sealed) && typeof sealed["key"] === "string" ? sealed["key"] : null;
}

function isEnvelope(record: unknown): record is Envelope {
  if (!isObject(record)) return false;
  const { format, state, context, intent, pause, lane, history, calls, sealed, origin } = record;
  const { meters = [] } = record;
  return (
    typeof state === "string" &&
    isObject(context) &&
    (intent === null || isIntent(intent)) &&
    (pause === null || (isObject(pause) && typeof pause["reason"] === "string" && isTime(pause["until"]))) &&
    lanes.some((known) => known === lane) &&
    Array.isArray(history) &&
    history.every(isEntry) &&
    Array.isArray(meters) &&
    meters.length <= history.length &&
    meters.every(isMeter) &&
    isObject(calls) &&
    isCount(calls["management"]) &&
    isCount(calls["token"]) &&
    (sealed === null ||
      (isObject(sealed) &&
        typeof sealed["text"] === "string" &&
        isTexts(sealed["fields"]) &&
        // Format 1 has no key's name: what was moved there from a later one does not pass for it.
        typeof sealed["key"] === (format === 1 ? "undefined" : "string"))) &&
    (origin === undefined ||
      (isObject(origin) && typeof origin["name"] === "string" && typeof origin["arrived"] === "boolean"))
  );
}

function isIntent(intent: unknown): boolean {
  if (!isObject(intent)) return false;
  const { call, attempt, at, facts } = intent;
  const known = facts === undefined || (isObject(facts) && isTexts(Object.values(facts)));
  return typeof call === "string" && typeof attempt === "string" && isTime(at) && known;
}

function isEntry(entry: unknown): boolean {
  return Array.isArray(entry) && entry.length === 3 && isTime(entry[0]) && isTexts(entry.slice(1));
}

function isMeter(meter: unknown): boolean {
  return Array.isArray(meter) && meter.length === 3 && meter.every(isCount);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

/** Of a record that does not read. `user` names it. */
export function damaged(user: () => string, why: string): LifecycleError {
  return new LifecycleError(
    "RECORD_DAMAGED",
    `Cannot read user ${user()}: ${why}; reauthorize() gets a new grant`,
  );
}
