/**
 * The in-doubt table: what is done about a call when nobody knows what became of it. Read it top to bottom.
 *
 * Before a call leaves, the record says which one (its intent). So there are four ways to end up without an outcome,
 * {@link slotFates} names them, and three columns, for it makes no difference to a user whether no answer came or one
 * that says nothing. {@link doubts} has one entry for each call:
 *
 * - **hears**: the event that the machine gets. It alone knows the way on; `next` and `slots` say where that leads, and a
 *   test holds the two together.
 * - **waits**: how long the user pauses first, and why ({@link Wait}).
 * - **next**: the call that then leaves. It is either one that may be repeated, or one that finds out.
 * - **slots**: management slots that this may cost at worst, beyond the call's own.
 *
 * What the answer to the next call means stands in the machine (`machines/user-lifecycle.ts`): there a doubt is over.
 * Calls that belong to no user's record are not here, for nothing is in doubt after them: a list of users is asked for
 * again, and a FHIR call is its caller's.
 *
 * @module
 */
import type { UserCall, UserEvent } from "../../machines/index.ts";
import type { SlotFate } from "../guard/guard.ts";
import type { Intent, Pause, PauseReason } from "../store/envelope.ts";
import { afterTrouble, beforeNextCode, fullJitter } from "./pauses.ts";
import { callOf } from "./step.ts";
import type { Position } from "./step.ts";

/** A call that can be in doubt. A further exchange of the same code is one of its own: the way on differs. */
export type DoubtfulCall = UserCall | "exchangeAgain" | "updateUser";

/** How long a user pauses before the next call. */
export type Wait =
  /** Not at all. */
  | "atOnce"
  /** Up to a second, doubling from attempt to attempt up to 5 min, with full jitter: 1upHealth has trouble. */
  | "jitter"
  /** Not at all before a user's second code in a row, then a minute, doubling up to 6 h: each takes a slot from others. */
  | "nextCode"
  /** `nextCode`, and `jitter` where that says not at all. */
  | "nextCodeOrJitter"
  /**
   * Until the call can no longer arrive, or the next one would ask too early: `graceMs` from when it was given up. If
   * nobody was there to give it up, `timeoutMs + graceMs` from when it was decided ({@link conclusiveAt}).
   */
  | "arrival"
  /** `arrival`, and as long as `jitter` where that is longer. */
  | "arrivalAndJitter";

/** What is done about a call whose outcome is not known. */
export interface Doubt {
  /** `null`: not the machine's business. */
  readonly hears: Extract<UserEvent["type"], "HELD" | "IN_DOUBT"> | null;
  readonly waits: Wait;
  /** `null`: whoever asked is told, and may ask again. */
  readonly next: UserCall | "listUsers" | null;
  readonly slots: number;
  /** What is done instead while the token endpoint answers nobody: a further code would bring nothing either. */
  readonly whileDown?: Doubt;
}

/** The columns. */
interface Doubts {
  /** Provably no byte left: refused, no such host, too late to leave. */
  readonly notSent: Doubt;
  /** No answer, a cut one, a 5xx, or one that cannot be read. */
  readonly unheard: Doubt;
  /**
   * The process died: found with an intent and without a live lease, which outlives the call, so it has ended. The
   * lease was a wait already, and 1upHealth gave no reason for a longer one.
   */
  readonly died: Doubt & {
    readonly waits: Exclude<Wait, "jitter" | "nextCodeOrJitter" | "arrivalAndJitter">;
  };
}

/** The table. */
export const doubts: Readonly<Record<DoubtfulCall, Doubts>> = {
  // The user may exist now, and must not be created twice: a code for it is asked for, and if 1upHealth says that it
  // does not exist, it is created. That answer would mean nothing while the create may still arrive.
  createUser: {
    notSent: { hears: "HELD", waits: "jitter", next: "createUser", slots: 0 },
    unheard: { hears: "IN_DOUBT", waits: "arrival", next: "issueAuthCode", slots: 2 },
    died: { hears: "IN_DOUBT", waits: "nextCode", next: "issueAuthCode", slots: 2 },
  },

  // The code may be spent now. The same code once more costs nothing and tells: tokens, or a refusal that is no news.
  // After a death at once: a code lives for minutes. A refusal within 5 s of a code's issue is no doubt: the machine
  // (`codeMayStillRegister`) has the code exchanged once more, a second later.
  exchangeCode: {
    notSent: { hears: "HELD", waits: "jitter", next: "exchangeCode", slots: 0 },
    unheard: { hears: "IN_DOUBT", waits: "jitter", next: "exchangeCode", slots: 1 },
    died: { hears: "IN_DOUBT", waits: "atOnce", next: "exchangeCode", slots: 1 },
  },

  // Twice nothing: this code is given up for a new one, unless nobody's exchange is answered (the gate `exchange`).
  // Then the code is kept, and one user of the account finds out when the endpoint is back.
  exchangeAgain: {
    notSent: { hears: "HELD", waits: "jitter", next: "exchangeCode", slots: 0 },
    unheard: {
      hears: "IN_DOUBT",
      waits: "nextCode",
      next: "issueAuthCode",
      slots: 1,
      whileDown: { hears: "HELD", waits: "jitter", next: "exchangeCode", slots: 1 },
    },
    died: { hears: "IN_DOUBT", waits: "nextCode", next: "issueAuthCode", slots: 1 },
  },

  // The refresh token may be rotated now, and the new pair lost. The stored one is presented once more, and only its
  // refusal (`invalid_grant`) ends the grant: then a fresh code is needed. Nothing is erased before.
  refreshToken: {
    notSent: { hears: "HELD", waits: "jitter", next: "refreshToken", slots: 0 },
    unheard: { hears: "IN_DOUBT", waits: "jitter", next: "refreshToken", slots: 1 },
    died: { hears: "IN_DOUBT", waits: "atOnce", next: "refreshToken", slots: 1 },
  },

  // A code may have been issued that nobody holds. That harms nobody: another one is asked for.
  issueAuthCode: {
    notSent: { hears: "HELD", waits: "nextCodeOrJitter", next: "issueAuthCode", slots: 0 },
    unheard: { hears: "IN_DOUBT", waits: "nextCodeOrJitter", next: "issueAuthCode", slots: 1 },
    died: { hears: "IN_DOUBT", waits: "nextCode", next: "issueAuthCode", slots: 1 },
  },

  // Nothing changes by a question: it is asked again.
  findUser: {
    notSent: { hears: "HELD", waits: "jitter", next: "findUser", slots: 0 },
    unheard: { hears: "IN_DOUBT", waits: "jitter", next: "findUser", slots: 2 },
    died: { hears: "IN_DOUBT", waits: "atOnce", next: "findUser", slots: 2 },
  },

  // Something may be erased now, or all of it. It is asked for again until 1upHealth says that it is done, but not while
  // the last one may still arrive: once the user is offboarded it can begin anew, and what it has then is not to go.
  purge: {
    notSent: { hears: "HELD", waits: "jitter", next: "purge", slots: 0 },
    unheard: { hears: "IN_DOUBT", waits: "arrivalAndJitter", next: "purge", slots: 0 },
    died: { hears: "IN_DOUBT", waits: "atOnce", next: "purge", slots: 0 },
  },

  // The user may have its new id now. It is looked up by its `oneup_user_id`, which never changes, and the record is
  // moved or stays where it is; a rename that did not happen is not repeated. The record keeps the intent until then.
  updateUser: {
    notSent: { hears: null, waits: "atOnce", next: null, slots: 0 },
    unheard: { hears: null, waits: "arrival", next: "listUsers", slots: 1 },
    died: { hears: null, waits: "arrival", next: "listUsers", slots: 1 },
  },
};

/** How a call can end without an outcome. */
export type Ending = "notSent" | "lost" | "inDoubt" | "died";

/** What becomes of the slot of a call that ends so: the same for every call. */
export const slotFates: Readonly<Record<Ending, SlotFate>> = {
  /** Nothing was sent, so nothing was spent. */
  notSent: "givenBack",
  /** It was, or may have been, sent and no answer came: it may arrive for `graceMs` more, so its slot goes on counting. */
  lost: "counts",
  /** An answer came that says nothing (5xx, unreadable): the call is over. */
  inDoubt: "settled",
  /** Nobody is there to say anything: the slot counts until its time is over. */
  died: "counts",
};

/** Did it end without an outcome? */
export function isEnding(outcome: string): outcome is Ending {
  return Object.hasOwn(slotFates, outcome);
}

/** What becomes of the slot of a call, whatever came of it. */
export function slotFate(outcome: string): SlotFate {
  return isEnding(outcome) ? slotFates[outcome] : "settled";
}

/** What is done about `call`; `undefined`: there is no doubt. */
export function doubtOf(call: DoubtfulCall, outcome: string): Doubt | undefined {
  if (!isEnding(outcome)) return undefined;
  return doubts[call][outcome === "lost" || outcome === "inDoubt" ? "unheard" : outcome];
}

/** What is done about the call that a user at `position` made; `undefined`: there is no doubt. */
export function doubtAbout({ state, context }: Position, outcome: string): Doubt | undefined {
  const call = callOf(state);
  if (call === undefined) return undefined;
  return doubtOf(call === "exchangeCode" && context.exchanges > 0 ? "exchangeAgain" : call, outcome);
}

/** What a wait depends on beside the user. */
export interface Moment {
  /** ms since 1970. */
  readonly at: number;
  /** From 0 to below 1. */
  readonly dice: number;
  /** How much longer a call that was given up may still arrive, ms. */
  readonly graceMs: number;
}

/** The pause of a user who now stands at `position`; `null`: none. */
export function pauseOf(wait: Wait, position: Position, moment: Moment): Pause | null {
  const { state, context } = position;
  const pause = (reason: PauseReason, ms: number): Pause | null =>
    ms <= 0 ? null : { reason, until: moment.at + ms };
  switch (wait) {
    case "atOnce":
      return null;
    case "jitter":
      return pause("unavailable", fullJitter(afterTrouble, Math.max(1, context.attempt), moment.dice));
    case "nextCode": // who failed asks for none
      return pause("codesSpent", state === "reauthorizing" ? beforeNextCode(context.codesSpent) : 0);
    case "nextCodeOrJitter":
      return pauseOf("nextCode", position, moment) ?? pauseOf("jitter", position, moment);
    case "arrival":
      return pause("unavailable", Math.max(1, moment.graceMs));
    case "arrivalAndJitter": {
      const jitterMs = fullJitter(afterTrouble, Math.max(1, context.attempt), moment.dice);
      return pause("unavailable", Math.max(1, moment.graceMs, jitterMs));
    }
  }
}

/** The intent of a call that was given up at `at`: from when on a look says what became of it stands in it. */
export function givenUp(intent: Intent, { at, graceMs }: Pick<Moment, "at" | "graceMs">): Intent {
  return { ...intent, facts: { ...intent.facts, conclusiveAt: String(at + graceMs) } };
}

/** From when on (ms since 1970) a look at 1upHealth says what became of a call: it can no longer arrive. */
export function conclusiveAt(
  { at, facts }: Intent,
  { timeoutMs, graceMs }: { readonly timeoutMs: number; readonly graceMs: number },
): number {
  const told = Number(facts?.["conclusiveAt"]);
  return Number.isFinite(told) ? told : at + timeoutMs + graceMs;
}
