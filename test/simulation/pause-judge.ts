/**
 * Judges what an operator has stopped: once all processes must know of a pause, no management call of it leaves, and none
 * about a user that is held. Refreshes and exchanges of codes go on.
 */
import type { ErrorCode, Json, Lane } from "oneup-lifecycle";
import type { Incoming } from "../../src/sandbox/base/message.ts";
import type { Envelope } from "../../src/store/envelope.ts";
import { lanes } from "../../src/store/contract.ts";
import type { Dossier } from "./dossier.ts";
import type { Judge } from "./judge.ts";
import type { Life } from "./life.ts";
import { minute, second } from "./time.ts";
import { firstIdOf } from "./first-id.ts";

/** When all processes must know of a pause, ms: what they last read is 10 s old, and a call leaves within its time-out. */
const knownMs = 10 * second + 30 * second;
/** So long after it read a record that shows no hold, a look-up that is no step of its user may leave, ms. */
const aboutToLeaveMs = 30 * second;
/** How far the clocks of two processes may differ, which compare the end of a pause with their own, ms. */
const skewMs = 4 * minute;
/** How long after its end a pause may still be the reason of an error, ms. */
const laterMs = skewMs + minute;

/** A pause as it is in the account's record. */
interface Pause {
  /** On the true time. */
  readonly since: number;
  readonly until: number;
}

/** Does the state need a call that a hold stops? */
export function isStoppedCall(state: string): boolean {
  return !["codeIssued", "expiring", "renameInDoubt"].includes(state);
}

export class PauseJudge {
  readonly #judge: Pick<Judge, "blame" | "of">;
  readonly #now: () => number;
  readonly #pauses = new Map<Lane | "all", Pause>();
  /** Since when users are held, on the true time. */
  readonly #heldAt = new Map<string, number>();
  /** When something that was stopped was let go last, by the user's id or "all". */
  readonly #endedAt = new Map<string, number>();
  /** Users that the operator has let go once. */
  readonly #letGo = new Set<string>();

  constructor(judge: Pick<Judge, "blame" | "of">, now: () => number) {
    this.#judge = judge;
    this.#now = now;
  }

  /** The account's record was written. */
  account(value: Json): void {
    const { pauses = {} } = value as { pauses?: Record<string, { until: number | null }> }; // written by the library
    for (const scope of ["all", ...lanes] as const) {
      const found = pauses[scope];
      const known = this.#pauses.get(scope);
      const until = found?.until ?? Infinity;
      if (found === undefined) {
        if (this.#pauses.delete(scope)) this.#endedAt.set("all", Math.min(this.#now(), known?.until ?? 0));
      } else if (known?.until !== until) this.#pauses.set(scope, { since: this.#now(), until });
    }
  }

  /** A record was written. */
  written({ id }: Dossier, before: Envelope | null, { hold, history }: Envelope): void {
    if (before?.hold === undefined) {
      if (hold !== undefined) this.#heldAt.set(id, this.#now());
      return;
    }
    const [at, , event] = history.at(-1) ?? [];
    if (event === "REAUTHORIZE" && before.history.at(-1)?.[0] !== at)
      this.#judge.blame(`PAUSE: the grant of ${id} is discarded, which is held`);
    if (hold !== undefined) return;
    this.#endedAt.set(id, this.#now());
    if (!this.#letGo.has(firstIdOf(id)))
      this.#judge.blame(`PAUSE: ${id} is held, and its record no longer shows it`);
  }

  /** The operator lets a user go. */
  letsGo(id: string): void {
    this.#letGo.add(firstIdOf(id));
  }

  /** The first byte of a call leaves. `user`: whom it is about. */
  leaves(life: Life, incoming: Incoming, user: string | undefined): void {
    if (!isStoppable(incoming)) return;
    const { id, envelope } = user === undefined ? { id: "", envelope: null } : this.#judge.of(user);
    if (envelope?.state === "renameInDoubt") return; // it is under way
    const what = `${life.name} sends ${incoming.method} ${incoming.path}`;
    const isLookUp = incoming.method === "GET" && envelope?.intent === null;
    const heldForMs = this.#now() - (this.#heldAt.get(id) ?? Number.NEGATIVE_INFINITY);
    const isHeld = envelope?.hold !== undefined && !(isLookUp && heldForMs <= aboutToLeaveMs);
    if (isHeld) this.#judge.blame(`PAUSE: ${what} about ${user}, which is held`);
    const lane = envelope === null ? null : laneOf(envelope);
    for (const [scope, { since, until }] of this.#pauses) {
      if (until !== Infinity && life.isDaysOff()) continue; // by its clock the pause is over
      const isOn = this.#now() > since + knownMs && this.#now() < until - skewMs;
      if (isOn && (scope === "all" || scope === lane))
        this.#judge.blame(`PAUSE: ${what} about ${user ?? "no user"} in a pause of ${scope}`);
    }
  }

  /** May a question about this user be answered with this error? */
  mayReject(id: string, code: ErrorCode): boolean {
    if (code !== "PAUSED") return false;
    const now = this.#now();
    const dossier = this.#judge.of(id);
    const ended = [this.#endedAt.get("all"), this.#endedAt.get(dossier.id)];
    const isOn = [...this.#pauses.values()].some(({ until }) => now < until + laterMs);
    return (
      isOn ||
      dossier.envelope?.hold !== undefined ||
      ended.some((at) => at !== undefined && now < at + laterMs)
    );
  }
}

/**
 * The lane of a call about this user. `null`: the call is no step of the user, but a look-up by a rename, which goes with
 * people, or by `reconcile()`, which does not.
 */
function laneOf({ state, intent, lane }: Envelope): Lane | null {
  if (state === "renaming") return "interactive";
  return intent === null ? null : lane;
}

/** Management calls and purges. */
function isStoppable({ path }: Incoming): boolean {
  return path.startsWith("/user-management") || /\/\$?purge\b/.test(path);
}
