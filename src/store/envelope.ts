/**
 * The form in which a user is kept: everything the runtime knows, with a format number in front.
 * Nothing else goes to disk.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import { lanes } from "./contract.ts";
import type { Json, Lane } from "./contract.ts";
import type { Sealed } from "./seal.ts";
import { isCount, isObject, isTime } from "./shapes.ts";

/** The format this release writes. It reads this one and, through {@link upgrades}, every older one. */
export const format = 1;

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
  | "codesSpent";

/** One step of a user's history: when, to which state, by which event. */
export type HistoryEntry = readonly [at: number, state: string, event: string];

/** A user as it is kept. */
export interface Envelope {
  readonly format: typeof format;
  readonly state: string;
  /** The machine's context: facts, no secrets. */
  readonly context: Readonly<Record<string, Json>>;
  readonly intent: Intent | null;
  readonly pause: Pause | null;
  /** In which lane it waits when it needs a slot. */
  readonly lane: Lane;
  /** The last steps, oldest first. */
  readonly history: readonly HistoryEntry[];
  /** Calls sent for this user so far. */
  readonly calls: { readonly management: number; readonly token: number };
  readonly sealed: Sealed | null;
}

/** Steps from each older format to the next: `upgrades[n]` takes format n to n + 1. */
const upgrades: Readonly<
  Record<number, (value: Readonly<Record<string, Json>>) => Readonly<Record<string, Json>>>
> = {};

/**
 * Reads what is kept. `user` names it for messages.
 *
 * @throws {LifecycleError} `RECORD_TOO_NEW` if a newer release wrote it, `RECORD_DAMAGED` if it is no record of ours
 */
export function readEnvelope(value: Json, user: () => string): Envelope {
  let record = value;
  if (!isObject(record) || typeof record["format"] !== "number")
    throw damaged(user, "it has no format number");
  for (let found = record["format"]; found !== format; found++) {
    if (found > format) {
      throw new LifecycleError(
        "RECORD_TOO_NEW",
        `Cannot read user ${user()}: its record has format ${found}, this release knows formats up to ${format}; update oneup-lifecycle`,
        { facts: { format: found } },
      );
    }
    const upgrade = upgrades[found];
    if (upgrade === undefined) throw damaged(user, `its format ${found} never existed`);
    record = upgrade(record);
  }
  if (!isEnvelope(record)) throw damaged(user, "a field is missing or of the wrong kind");
  return record;
}

function isEnvelope(record: unknown): record is Envelope {
  if (!isObject(record)) return false;
  const { state, context, intent, pause, lane, history, calls, sealed } = record;
  return (
    typeof state === "string" &&
    isObject(context) &&
    (intent === null || isIntent(intent)) &&
    (pause === null || (isObject(pause) && typeof pause["reason"] === "string" && isTime(pause["until"]))) &&
    lanes.some((known) => known === lane) &&
    Array.isArray(history) &&
    history.every(isEntry) &&
    isObject(calls) &&
    isCount(calls["management"]) &&
    isCount(calls["token"]) &&
    (sealed === null || (isObject(sealed) && typeof sealed["text"] === "string" && isTexts(sealed["fields"])))
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

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function damaged(user: () => string, why: string): LifecycleError {
  return new LifecycleError("RECORD_DAMAGED", `Cannot read user ${user()}: ${why}`);
}
