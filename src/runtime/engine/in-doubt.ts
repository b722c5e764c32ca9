/**
 * The in-doubt table: how a call with an unknown outcome is resolved. Read it top to bottom.
 *
 * Before a call is sent, its intent is written to the record. A call can then end without an outcome in four ways:
 * {@link slotFates} names them, and they are the columns of {@link doubts}, which has one entry for each call:
 *
 * - **event**: the event sent to the machine, which alone decides what follows. `next` and `slots` only document that
 *   decision, and `test/runtime/doubt.test.ts` compares them with the machine.
 * - **waits**: how long the user pauses first, and why ({@link Wait}).
 * - **next**: the call made then. It is either safe to repeat, or finds out what happened.
 * - **slots**: the management slots that this may cost at most, beyond the call's own.
 * - **presents**: the call presents a secret that works once, a code or a refresh token. Many servers revoke every grant
 *   of such a secret when it is presented twice. So the repetition must arrive after the abandoned call, or not at all:
 *   a running process waits until the first call can no longer arrive. After a crash the secret is presented at once,
 *   because the lease was a wait already. The grant that comes of it is usable. It is **provisional** for as long as the
 *   first call could still arrive and end it ({@link mayArriveUntil}): until then the first 401 is acted on at once
 *   (`until-forced-refresh-ms.ts`).
 *
 * The machine (`machines/user-lifecycle.ts`) defines what the response to the next call means, and so how a doubt ends.
 * Calls without an intent in a user's record are not listed, because they leave nothing in doubt: a list of users is
 * requested again, and the caller handles a FHIR call.
 *
 * @module
 */
import type { UserCall, UserEvent } from "../../../machines/index.ts";
import type { SlotFate } from "../../guard/guard.ts";
import type { Pause, PauseReason } from "../../store/envelope.ts";
import type { NoOutcomeType } from "../user/call-outcome.ts";
import type { Engine } from "./engine.ts";
import {
  afterCostlyTrouble,
  afterTrouble,
  afterUnsent,
  beforeNextCode,
  codeRegistersMs,
  fullJitter,
  type Backoff,
} from "../options/backoff.ts";
import { callOf, type Position } from "../user/step.ts";

/** A call that can be in doubt. A second exchange of the same code is a separate entry, because what follows differs. */
export type DoubtfulCall = UserCall | "exchangeAgain";

/** How long a user pauses before the next call. */
export type Wait =
  /** Not at all. */
  | "atOnce"
  /** Up to a second, doubling with each attempt up to 30 s, with full jitter: nothing was spent. */
  | "soon"
  /** Up to a second, doubling with each attempt up to 5 min, with full jitter: 1upHealth is failing. */
  | "jitter"
  /** The same, up to 20 min while other users are served: each call takes a slot from them. */
  | "jitterOfSlot"
  /** `jitter`, counted from when a fresh code has registered: until then 1upHealth may answer as if it were down. */
  | "jitterOnceRegistered"
  /**
   * Not at all before a user's second code in a row, then a minute, doubling up to 6 h: each code takes a slot from
   * others.
   */
  | "nextCode"
  /** `nextCode`, or `jitterOfSlot` where that is no pause. */
  | "nextCodeOrJitterOfSlot"
  /** Until the call can no longer arrive, `graceMs` after it was abandoned; before that the next one proves nothing. */
  | "arrival"
  /** The longer of `arrival` and `jitter`. */
  | "arrivalAndJitter";

/** How a call with an unknown outcome is resolved. */
export interface InDoubt {
  readonly event: Extract<UserEvent["type"], "POSTPONED" | "IN_DOUBT">;
  readonly waits: Wait;
  /** `null`: the caller gets an error and may try again. */
  readonly next: UserCall | null;
  readonly slots: number;
  /** Used instead while the token endpoint answers no exchange: another code would not help. */
  readonly whileDown?: InDoubt;
}

/** The columns. */
interface Doubts {
  /** The single-use secret that the call presents. */
  readonly presents?: "code" | "refreshToken";
  /** Provably no byte was sent: connection refused, unknown host, too late to send. */
  readonly notSent: InDoubt;
  /** No response or a truncated one, and the call was abandoned: it may still arrive. */
  readonly lost: InDoubt;
  /** A response that decides nothing: a 5xx, or an unreadable one. The call is over, unless a gateway gave up on it. */
  readonly inDoubt: InDoubt;
  /**
   * The process died: the record has an intent and no live lease. A lease outlives the longest call, so recovery does not
   * wait again. {@link mayArriveUntil} covers the rare call that arrives even later.
   */
  readonly died: InDoubt & { readonly waits: "atOnce" | "nextCode" };
}

/** The current code is given up, and another one requested. */
const freshCode = { event: "IN_DOUBT", waits: "nextCode", next: "issueAuthCode", slots: 1 } as const;

/** The table. */
export const doubts: Readonly<Record<DoubtfulCall, Doubts>> = {
  // The user may exist now and must not be created twice: a code is requested for it, and only if 1upHealth answers
  // that it does not exist is it created. That answer would prove nothing while the create may still arrive. The same
  // applies to a response that is not 1upHealth's own: an HTML page, a redirect, a 403, a 4xx without a reason
  // (`apply-outcome.ts`).
  createUser: {
    notSent: { event: "POSTPONED", waits: "soon", next: "createUser", slots: 0 },
    lost: { event: "IN_DOUBT", waits: "arrival", next: "issueAuthCode", slots: 2 },
    inDoubt: { event: "IN_DOUBT", waits: "arrival", next: "issueAuthCode", slots: 2 },
    died: { event: "IN_DOUBT", waits: "nextCode", next: "issueAuthCode", slots: 2 },
  },

  // The code may be spent now. Presenting it again costs nothing and resolves the doubt: with tokens, or a refusal that
  // loses nothing. It must wait while the first exchange may still arrive: 1upHealth would see the code twice and might
  // revoke what it has just granted. After a crash it does not wait: a code lives for minutes. A refusal within 5 s of
  // a code's issue is not a doubt: the machine (`codeMayStillRegister`) exchanges the code once more, a second later.
  // A 5xx may mean the same, so the code is not presented again within that second: another 5xx would cost another code.
  exchangeCode: {
    presents: "code",
    notSent: { event: "POSTPONED", waits: "soon", next: "exchangeCode", slots: 0 },
    // seam: a-code-is-not-presented-while-it-may-arrive
    lost: { event: "IN_DOUBT", waits: "arrivalAndJitter", next: "exchangeCode", slots: 1 },
    // seam: a-code-whose-call-is-over-waits-less
    inDoubt: { event: "IN_DOUBT", waits: "jitterOnceRegistered", next: "exchangeCode", slots: 1 },
    died: { event: "IN_DOUBT", waits: "atOnce", next: "exchangeCode", slots: 1 },
  },

  // Two exchanges without an outcome: this code is replaced by a new one, unless no exchange of the account is answered
  // (the gate `exchange`). Then the code is kept, and one user of the account probes for when the endpoint is back. A
  // new code need not wait until the old exchange can no longer arrive: its result is not needed.
  exchangeAgain: {
    presents: "code",
    notSent: { event: "POSTPONED", waits: "soon", next: "exchangeCode", slots: 0 },
    lost: {
      ...freshCode,
      whileDown: { event: "POSTPONED", waits: "arrivalAndJitter", next: "exchangeCode", slots: 1 },
    },
    inDoubt: {
      ...freshCode,
      whileDown: { event: "POSTPONED", waits: "jitter", next: "exchangeCode", slots: 1 },
    },
    died: freshCode,
  },

  // The refresh token may be rotated now, and the new pair lost. The stored one is presented again, and only its
  // refusal (`invalid_grant`) ends the grant and requires a fresh code. Nothing is erased before that. As above, it
  // waits while the first refresh may still arrive; meanwhile callers get the current access token while it works.
  refreshToken: {
    presents: "refreshToken",
    notSent: { event: "POSTPONED", waits: "soon", next: "refreshToken", slots: 0 },
    // seam: a-refresh-token-is-not-presented-while-it-may-arrive
    lost: { event: "IN_DOUBT", waits: "arrivalAndJitter", next: "refreshToken", slots: 1 },
    // seam: a-refresh-token-whose-call-is-over-waits-less
    inDoubt: { event: "IN_DOUBT", waits: "jitter", next: "refreshToken", slots: 1 },
    died: { event: "IN_DOUBT", waits: "atOnce", next: "refreshToken", slots: 1 },
  },

  // A code may have been issued and lost. That is harmless: another one is requested.
  issueAuthCode: {
    notSent: { event: "POSTPONED", waits: "soon", next: "issueAuthCode", slots: 0 },
    lost: { event: "IN_DOUBT", waits: "nextCodeOrJitterOfSlot", next: "issueAuthCode", slots: 1 },
    inDoubt: { event: "IN_DOUBT", waits: "nextCodeOrJitterOfSlot", next: "issueAuthCode", slots: 1 },
    died: { event: "IN_DOUBT", waits: "nextCode", next: "issueAuthCode", slots: 1 },
  },

  // A look-up changes nothing, so it is repeated.
  findUser: {
    notSent: { event: "POSTPONED", waits: "soon", next: "findUser", slots: 0 },
    lost: { event: "IN_DOUBT", waits: "jitterOfSlot", next: "findUser", slots: 2 },
    inDoubt: { event: "IN_DOUBT", waits: "jitterOfSlot", next: "findUser", slots: 2 },
    died: { event: "IN_DOUBT", waits: "atOnce", next: "findUser", slots: 2 },
  },

  // Some or all of the data may be erased now (after an empty 2xx nothing is in doubt: see `http/purge.ts`). The purge is
  // repeated until 1upHealth confirms it, but not while the last one may still arrive: an offboarded user can be onboarded
  // again, and a late purge would erase its new data.
  purge: {
    notSent: { event: "POSTPONED", waits: "soon", next: "purge", slots: 0 },
    lost: { event: "IN_DOUBT", waits: "arrivalAndJitter", next: "purge", slots: 0 },
    inDoubt: { event: "IN_DOUBT", waits: "arrivalAndJitter", next: "purge", slots: 0 },
    died: { event: "IN_DOUBT", waits: "atOnce", next: "purge", slots: 0 },
  },

  // The user may have its new id now. It is looked up by its `oneup_user_id`, which never changes, and the record is
  // moved or stays; a rename that did not happen is not repeated. Its tokens work meanwhile. The same applies to a
  // response that is not 1upHealth's own, also a 429 of a balancer, and to "already exists" and "does not exist", with
  // which 1upHealth may answer a call that a proxy has repeated (`apply-outcome.ts`, and the machine).
  updateUser: {
    notSent: { event: "POSTPONED", waits: "atOnce", next: null, slots: 0 },
    lost: { event: "IN_DOUBT", waits: "arrival", next: "findUser", slots: 1 },
    inDoubt: { event: "IN_DOUBT", waits: "arrival", next: "findUser", slots: 1 },
    died: { event: "IN_DOUBT", waits: "atOnce", next: "findUser", slots: 1 },
  },
};

/** What happens to the slot of a call that ends this way, the same for every call. */
export const slotFates: Readonly<Record<NoOutcomeType, SlotFate>> = {
  /** Nothing was sent, so nothing was spent. */
  notSent: "givenBack",
  /** It was or may have been sent without a response and may still arrive for `graceMs`, so its slot keeps counting. */
  lost: "counts",
  /** An inconclusive response (5xx, unreadable): the call is over. */
  inDoubt: "settled",
  /** The process that knew is gone: the slot counts until it expires. */
  died: "counts",
};

/** Whether the call ended without an outcome. */
export function endedWithoutOutcome(outcome: string): outcome is NoOutcomeType {
  return Object.hasOwn(slotFates, outcome);
}

/** What happens to the slot of a call with any outcome. */
export function slotFate(outcome: string): SlotFate {
  return endedWithoutOutcome(outcome) ? slotFates[outcome] : "settled";
}

/** The entry for `call`; `undefined`: there is no doubt. */
export function doubtOf(call: DoubtfulCall, outcome: string): InDoubt | undefined {
  if (!endedWithoutOutcome(outcome)) return undefined;
  return doubts[call][outcome];
}

/** The entry for the call that a user at `position` made; `undefined`: there is no doubt. */
export function doubtAbout(position: Position, outcome: string): InDoubt | undefined {
  const call = doubtfulCallOf(position);
  return call === undefined ? undefined : doubtOf(call, outcome);
}

function doubtfulCallOf({ state, context }: Position): DoubtfulCall | undefined {
  const call = callOf(state);
  return call === "exchangeCode" && context.exchanges > 0 ? "exchangeAgain" : call;
}

/**
 * Until when (ms since 1970) the call of a user at `position` with this ending may still arrive and end a grant
 * obtained meanwhile; `undefined`: it cannot. This is the maximum duration of a call, counted from now, whatever the
 * ending. Nothing is delayed by it, so it can be conservative: a process whose lease has expired may only have stalled,
 * a 5xx may come from a gateway that gave up on a call which continues, and a network may hold a request for longer
 * than `graceMs`.
 */
export function mayArriveUntil(
  position: Position,
  outcome: string,
  { at, timeoutMs, graceMs }: Omit<Moment, "random" | "servesOthers">,
): number | undefined {
  const call = doubtfulCallOf(position);
  if (call === undefined || doubts[call].presents === undefined) return undefined;
  return endedWithoutOutcome(outcome) && outcome !== "notSent" ? at + timeoutMs + graceMs : undefined;
}

/** What a wait depends on, beyond the user. */
export interface Moment {
  /** ms since 1970. */
  readonly at: number;
  /** In [0, 1). */
  readonly random: number;
  /** When a call is abandoned, ms after it started. */
  readonly timeoutMs: number;
  /** How long after that an abandoned call may still arrive, ms. */
  readonly graceMs: number;
  /** Calls of other users to user management were answered lately. */
  readonly servesOthers: boolean;
}

/** Now. */
export function momentOf({ account, clock, settings: { timeoutMs, graceMs } }: Engine): Moment {
  const { servesOthers } = account;
  return { at: clock.now(), random: clock.random(), timeoutMs, graceMs, servesOthers };
}

/** The pause of a user now at `position`; `null`: none. */
export function pauseOf(wait: Wait, position: Position, now: Moment): Pause | null {
  const { state, context } = position;
  const pause = (reason: PauseReason, ms: number): Pause | null =>
    ms <= 0 ? null : { reason, until: now.at + ms };
  const jitter = (backoff: Backoff): number => fullJitter(backoff, Math.max(1, context.attempt), now.random);
  const untilArrived = (ms: number): Pause => ({
    reason: "unavailable",
    until: now.at + Math.max(1, ms),
    mayArrive: true,
  });
  switch (wait) {
    case "atOnce":
      return null;
    case "soon":
      return pause("unavailable", jitter(afterUnsent));
    case "jitter":
      return pause("unavailable", jitter(afterTrouble));
    case "jitterOfSlot":
      return pause("unavailable", jitter(now.servesOthers ? afterCostlyTrouble : afterTrouble));
    case "jitterOnceRegistered": {
      const ageMs = Math.max(0, now.at - (context.codeAt ?? 0)); // the clock may have been put back
      // seam: a-fresh-code-gets-time-to-register
      const registersInMs = Math.max(0, codeRegistersMs - ageMs);
      return pause("unavailable", registersInMs + jitter(afterTrouble));
    }
    case "nextCode": // a failed user requests no code
      return pause("codesSpent", state === "reauthorizing" ? beforeNextCode(context.codesSpent) : 0);
    case "nextCodeOrJitterOfSlot":
      return pauseOf("nextCode", position, now) ?? pauseOf("jitterOfSlot", position, now);
    case "arrival":
      // seam: a-create-in-doubt-gets-time-to-arrive
      return untilArrived(now.graceMs);
    case "arrivalAndJitter":
      return untilArrived(Math.max(now.graceMs, jitter(afterTrouble)));
  }
}

/**
 * Extends the pause for as long as the preceding call may still arrive: the call was blocked, or refused without a
 * reason, and may have been carried out all the same.
 */
export function extendToArrival(pause: Pause | null, position: Position, now: Moment): Pause | null {
  if (pause === null) return pauseOf("arrival", position, now);
  const arrivedAt = now.at + now.graceMs;
  return { ...pause, until: Math.max(pause.until, arrivedAt), arrivedAt };
}

/** How much longer the call before the pause may still arrive, ms, where `leftMs` of the pause are left. */
export function mayArriveForMs(pause: Pause | null, leftMs: number): number {
  if (pause?.mayArrive === true) return Math.max(0, leftMs);
  if (pause?.arrivedAt === undefined) return 0;
  return Math.max(0, leftMs - (pause.until - pause.arrivedAt));
}
