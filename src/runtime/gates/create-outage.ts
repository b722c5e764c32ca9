/**
 * Finds out whether 1upHealth creates no users while its other calls work. Then each attempt costs two calls, the create
 * and the question whether it was carried out, and users who try again and again would spend the whole limit. So once the
 * creates of {@link many} different users in a row got no answer, those whose create has failed before try one at a time.
 * A newcomer's create is always sent: it may work. Its own process alone counts this, in memory.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { halfJitter } from "../options/backoff.ts";
import { cameThrough } from "./blocking.ts";
import { isUnanswered, type Blocked, type Outcome, type Permit } from "./permit.ts";

/** This many different users in a row, with no create answered in between, are an outage. */
const many = 8;
/** The interval between two attempts of users whose create has failed before, ms. */
const betweenMs = 120_000;
/** How long such a user waits until it is its turn, ms: the upper half of it. */
const turn = { firstMs: 600_000, longestMs: 600_000 };

/** See the module. */
export class CreateOutage {
  readonly #clock: Pick<Clock, "now" | "monotonic" | "random">;
  readonly #openedAt: () => number;
  /** The first users whose create got no answer since one did. */
  readonly #row = new Set<string>();
  /** When the gate had opened before them, and when one of them last tried again, on `clock.monotonic()`. */
  #since = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;

  /** `openedAt`: when the gate of user management opened, on `clock.monotonic()`: before it, no call was answered. */
  constructor(clock: Pick<Clock, "now" | "monotonic" | "random">, openedAt: () => number) {
    this.#clock = clock;
    this.#openedAt = openedAt;
  }

  /** Records the outcome of a create. */
  record({ type }: Outcome, { about, enteredAt }: Permit): void {
    const openedAt = this.#openedAt();
    if (cameThrough(type) || openedAt > this.#since) this.#row.clear();
    this.#since = openedAt;
    if (enteredAt < openedAt) return;
    if (isUnanswered(type) && about !== null && this.#row.size < many) this.#row.add(about);
  }

  /** Whether this create has to wait for its turn. */
  holds({ isRetry }: Permit): boolean {
    const isOutage = this.#row.size >= many && this.#openedAt() === this.#since;
    return isOutage && isRetry && this.#clock.monotonic() - this.#triedAt < betweenMs;
  }

  /** The same for one that would be sent next: if it need not wait, it is its turn. */
  enter(permit: Permit): Blocked | null {
    if (this.holds(permit)) {
      const until = this.#clock.now() + halfJitter(turn, 1, this.#clock.random());
      return { by: "management", reason: "unavailable", until, yields: true, isLong: true };
    }
    if (permit.isRetry) this.#triedAt = this.#clock.monotonic();
    return null;
  }
}
