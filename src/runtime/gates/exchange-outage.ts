/**
 * Finds out whether the token endpoint answers no exchange, or only not those of one user. An exchange that is silent or
 * answered 503 looks the same in both cases. So it first counts against its user, and the gate `exchange` shuts once an
 * exchange without a code fails as well, or the exchanges or refreshes of {@link many} different users in a row.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { betweenNeutralMs, provesAccess } from "./blocking.ts";
import { isUnanswered, type Outcome, type Permit } from "./permit.ts";
import { RetriesInTurn } from "./retries-in-turn.ts";

/** A neutral call that was answered counts for this long, unless a later one is not, ms. */
const reachedForMs = 3 * betweenNeutralMs;
/** A gate that may be shut because of the users that probe it stays shut for no longer than this at a time, ms. */
const suspectedMs = 10_000;
/** Minimum interval between two codes spent on probing it meanwhile, ms. */
const codeAgainMs = 300_000;
/** This many different users in a row, with no exchange answered in between, are not a coincidence. */
const many = 3;
/** A neutral call that fails this short before an exchange is answered shows nothing: some servers answer it 503, ms. */
const contradictedMs = 30_000;
/** Where refreshes get no answer. */
const turnsOfRefreshes = {
  by: "token",
  betweenMs: 5_000,
  longestBetweenMs: 5_000,
  longestMs: 300_000,
} as const;

export class ExchangeOutage {
  /** The turns of users whose refresh has failed, where refreshes get no answer. */
  readonly refreshes: RetriesInTurn;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #neutral: () => Promise<string>;
  /** Users whose exchange was not answered, since an exchange was last answered. */
  readonly #unanswered = new Set<string | number>();
  /** Whether the last neutral call was answered, and when, on `clock.monotonic()`; `null`: it no longer counts. */
  #lastNeutral: { readonly isUp: boolean; readonly at: number } | null = null;
  /** The neutral call fails although exchanges are answered. */
  #isNeutralMisleading = false;

  /**
   * `neutral`: makes a neutral call to the token endpoint; `notAsked`: none may be sent now. `openedAt`: when the gate of
   * the endpoint opened, on `clock.monotonic()`.
   */
  constructor(clock: Clock, neutral: () => Promise<string>, openedAt: () => number) {
    this.refreshes = new RetriesInTurn(clock, openedAt, turnsOfRefreshes);
    this.#clock = clock;
    this.#neutral = neutral;
  }

  /** Whether the user of this permit may be at fault for the shut gate, so that others should probe it first. */
  isSuspect({ hasFailed }: Permit): boolean {
    return hasFailed && this.#isReached;
  }

  /** The token endpoint was reached lately, although users' exchanges were not answered. */
  get #isReached(): boolean {
    return this.#lastNeutral?.isUp === true && this.#clock.monotonic() - this.#lastNeutral.at <= reachedForMs;
  }

  /** Reports the outcome of an exchange. True: it was not answered, and that concerns its user only. */
  async concernsUserOnly(outcome: Outcome, permit: Permit): Promise<boolean> {
    const { type } = outcome;
    this.recordExchange(outcome);
    if (!isUnanswered(type)) return false;
    // A user whose codes have failed before is no new evidence.
    if (!permit.hasFailed) this.#unanswered.add(permit.about ?? permit.number);
    await this.#ask();
    if (permit.probing.has("exchange")) return false;
    const isDown = this.#lastNeutral?.isUp === false && !this.#isNeutralMisleading;
    // seam: one-user-without-an-answer-shuts-no-gate
    return !isDown && this.#unanswered.size < many && this.refreshes.inARow < many;
  }

  /** Reports the outcome of an exchange that was answered. */
  recordExchange({ type }: Outcome): void {
    if (type === "tokens" || type === "grantRefused") this.#answered();
  }

  /** How long a failed probe may keep the gate shut at most, ms: the user that probes it may be at fault. */
  mostMs(permit: Permit): number {
    return this.isSuspect(permit) ? suspectedMs : Infinity;
  }

  /** The gate as a user without a code sees it: once the endpoint was reached, a code spent on a probe is ignored after minutes. */
  withoutOldCode<G extends { readonly probeCodeAt: number | null }>(gate: G, now: number): G {
    const isOver = gate.probeCodeAt !== null && now - gate.probeCodeAt >= codeAgainMs && this.#isReached;
    return isOver ? { ...gate, probeCodeAt: null } : gate;
  }

  #answered(): void {
    const { isUp = true, at = 0 } = this.#lastNeutral ?? {};
    this.#unanswered.clear();
    if (isUp) return;
    this.#isNeutralMisleading ||= this.#clock.monotonic() - at < contradictedMs;
    this.#lastNeutral = null;
  }

  async #ask(): Promise<void> {
    const outcome = await this.#neutral();
    const isUp = provesAccess(outcome);
    if (!isUp && !isUnanswered(outcome)) return;
    this.#lastNeutral = { isUp, at: this.#clock.monotonic() };
    if (isUp) this.#isNeutralMisleading = false;
  }
}
