/**
 * Finds out whether user management answers no call, or only not those of some users. A call that is silent or answered
 * 5xx looks the same in both cases. So the gate `management` shuts once the calls of {@link many} different users in a
 * row get no answer, and a neutral call gets none either. Most probes are neutral calls as well, because one that fails
 * leaves no user in doubt.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { isAboutAnother } from "../../http/user-management.ts";
import { cameThrough } from "./blocking.ts";
import { isUnanswered, type Outcome, type Permit } from "./permit.ts";

/** This many different users in a row, with no call answered in between, are not a coincidence. */
const many = 3;
/** A neutral call that fails this short before a user's call is answered shows nothing: the list alone may be down, ms. */
const contradictedMs = 30_000;
/** Every so many probes one is a user's call. */
const userProbesEvery = 4;

/** See the module. */
export class ManagementOutage {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #neutral: () => Promise<string>;
  readonly #openedAt: () => number;
  /** The first users whose call got no answer since one did. */
  readonly #row = new Set<string>();
  /** When a neutral call last failed, on `clock.monotonic()`. */
  #failedAt = Number.NEGATIVE_INFINITY;
  /** Neutral calls fail although those of users are answered. */
  #isMute = false;

  /**
   * `neutral`: makes a neutral call to user management; `notAsked`, `noSlot`: none may be sent now. `openedAt`: when the
   * gate opened, on `clock.monotonic()`; a call sent before shows nothing about the time since.
   */
  constructor(clock: Pick<Clock, "monotonic">, neutral: () => Promise<string>, openedAt: () => number) {
    this.#clock = clock;
    this.#neutral = neutral;
    this.#openedAt = openedAt;
  }

  /** Records the outcome of a user's call. True: so many in a row got no answer that {@link isDown} must find out. */
  record(outcome: Outcome, { about, enteredAt }: Permit): boolean {
    if (enteredAt < this.#openedAt()) return false;
    if (cameThrough(outcome.type) || isAboutAnother(outcome)) {
      if (this.#row.size > 0) this.#row.clear();
      if (this.#clock.monotonic() - this.#failedAt < contradictedMs) this.#isMute = true;
      return false;
    }
    if (!isUnanswered(outcome.type)) return false;
    if (about !== null && this.#row.size < many) this.#row.add(about);
    return this.#row.size >= many;
  }

  /**
   * Records the outcome of a user's call; after several in a row without an answer makes a neutral call, if one may be
   * sent. True: that gets no answer either, or has no slot. Then it is the first probe of the shut gate, with the next
   * slot that a user is granted.
   */
  async isDown(outcome: Outcome, permit: Permit): Promise<boolean> {
    if (!this.record(outcome, permit) || permit.tries.has("management")) return false;
    const met = await this.#neutral();
    this.recordNeutral(met);
    // seam: some-users-without-an-answer-shut-no-gate
    return (isUnanswered(met) || met === "noSlot") && !this.#isMute && this.#row.size >= many;
  }

  /** Records the outcome of a neutral call. */
  recordNeutral(outcome: string): void {
    if (isUnanswered(outcome)) this.#failedAt = this.#clock.monotonic();
    if (!cameThrough(outcome)) return;
    this.#row.clear();
    this.#isMute = false;
    this.#failedAt = Number.NEGATIVE_INFINITY;
  }

  /** Whether a user's call probes the shut gate, and not a neutral one: now and then, as the list alone may be down. */
  isForUser({ attempt }: { readonly attempt: number }): boolean {
    return this.#isMute || attempt % userProbesEvery === 0;
  }
}
