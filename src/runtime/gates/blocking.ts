/**
 * Finds out why calls to one endpoint are blocked. A redirect, an HTML page or a 403 looks the same whether a firewall
 * rejects one user's id or this process no longer reaches 1upHealth (a captive portal, a blocked region). A neutral
 * call, without a user's id, distinguishes the two.
 *
 * @module
 */
import { inTime, type Clock } from "../../clock.ts";

/** Endpoints that have a neutral call. */
export type NeutralEndpoint = "management" | "token";

/** The outcome of a neutral call. `notAsked`: none could be sent; another may be after `retryInMs`. */
export type NeutralOutcome =
  | { readonly type: "notAsked"; readonly retryInMs: number }
  | { readonly type: string; readonly retryInMs?: undefined; readonly retryAfterMs?: number | undefined };

/**
 * The scope of a failure. `process`: the neutral call failed the same way; `user`: it succeeded. Without a neutral
 * call: a `few` users in a row may be affected individually, `many` may not.
 */
export type BlockScope = "process" | "user" | "few" | "many";

/** A neutral call takes a slot from users: at most one per this interval, ms. */
export const betweenNeutralMs = 300_000;
/** The interval after one that was not sent, ms. */
const afterNotSentMs = 60_000;
/** Timeout of a neutral call with its slot, which must not outlast the lease of the user that it is made for, ms. */
const answerMs = 10_000;
/** Timeout of the call itself: whether it was sent is known then, ms. */
export const neutralCallMs = 8_000;
/** Shortest wait for a slot, ms. */
const leastWaitMs = 1_000;
/** This many users in a row are not a coincidence. */
const many = 3;

/** Outcomes that do not show that 1upHealth itself was reached. */
const silent: ReadonlySet<string> = new Set([
  "blocked",
  "unexplained",
  "inDoubt",
  "lost",
  "notSent",
  "notAsked",
]);

/** Whether 1upHealth itself answered and accepted the client. */
export function provesAccess(outcome: string): boolean {
  return !silent.has(outcome) && outcome !== "credentialsRefused";
}

/** Whether 1upHealth itself carried the call out or refused it. A 429 shows neither that it works nor that it does not. */
export function provesService(outcome: string): boolean {
  return provesAccess(outcome) && outcome !== "throttled";
}

export class Blocking {
  readonly #clock: Clock;
  readonly #neutral: () => Promise<NeutralOutcome>;
  /** When the next neutral call may be sent, on `clock.monotonic()`. */
  #freeAt = Number.NEGATIVE_INFINITY;
  /** The outcome of the last one, unless a call has succeeded since. */
  #lastOutcome: string | null = null;
  /** When a call last succeeded, on `clock.monotonic()`. */
  #succeededAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<string> | null = null;
  /** The users that were blocked since a call last succeeded. */
  readonly #blockedUsers = new Set<string | number>();

  constructor(clock: Clock, neutral: () => Promise<NeutralOutcome>) {
    this.#clock = clock;
    this.#neutral = neutral;
  }

  /** When the next neutral call may be sent, in ms; 0: now. */
  get freeInMs(): number {
    // seam: neutral-calls-are-spaced
    return Math.max(0, this.#freeAt - this.#clock.monotonic());
  }

  /** Whether a neutral call is under way. */
  get isAsking(): boolean {
    return this.#asking !== null;
  }

  /** Whether a call has succeeded lately: within the time between two neutral calls. */
  get isReached(): boolean {
    return this.#clock.monotonic() - this.#succeededAt <= betweenNeutralMs;
  }

  /** A call succeeded. */
  succeeded(): void {
    this.#succeededAt = this.#clock.monotonic();
    if (this.#blockedUsers.size > 0) this.#blockedUsers.clear();
    this.#lastOutcome = null;
  }

  /** Forgets all outcomes: a neutral call may be sent at once. */
  reset(): void {
    this.#blockedUsers.clear();
    this.#lastOutcome = null;
    this.#freeAt = Number.NEGATIVE_INFINITY;
  }

  /** Determines the scope of this outcome of a call for `who`. */
  async judge(who: string | number, outcome: string): Promise<BlockScope> {
    this.#blockedUsers.add(who);
    const isAsked = this.#asking !== null || this.freeInMs === 0;
    const neutral = isAsked ? await this.ask() : this.#lastOutcome;
    // seam: a-blocked-call-concerns-one-user-until-a-neutral-call-is-blocked
    if (neutral === outcome) return "process";
    if (isAsked && neutral !== null && !silent.has(neutral)) return "user";
    return this.#blockedUsers.size < many ? "few" : "many";
  }

  /** The outcome of a neutral call; concurrent callers share one. Never rejects. */
  ask(): Promise<string> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
    return this.#asking;
  }

  async #ask(): Promise<string> {
    const before = this.#freeAt;
    this.#freeAt = this.#clock.monotonic() + betweenNeutralMs;
    const outcome = await inTime<NeutralOutcome>(this.#clock, answerMs, this.#neutral, tooLate).catch(
      () => lost,
    );
    const until = this.#clock.monotonic();
    this.#freeAt = until + (outcome.type === "notSent" ? afterNotSentMs : betweenNeutralMs);
    if (outcome.retryInMs !== undefined) {
      const waitMs = Math.min(Math.max(outcome.retryInMs, leastWaitMs), betweenNeutralMs);
      this.#freeAt = Math.max(before, until + waitMs);
      return outcome.type;
    }
    if (provesAccess(outcome.type)) this.succeeded();
    else this.#lastOutcome = outcome.type;
    return outcome.type;
  }
}

const lost: NeutralOutcome = { type: "lost" };

function tooLate(): Error {
  return new Error(`no answer to a neutral call within ${answerMs} ms`);
}
