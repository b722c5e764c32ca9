/**
 * Has users take turns while calls of one kind get no answer, and no gate is shut because of it: 1upHealth creates no
 * users although its other calls work, or refreshes no tokens, or FHIR purges nothing. Without it each of these users
 * tries again and again, and the attempts of all spend the limit, or keep a service busy that is down. So once the calls
 * of {@link many} different users in a row got no answer, those whose call has failed before try one at a time, in the
 * order in which they came. The call of a user whose last one was answered is always sent: it may work. Until the first
 * of these attempts has failed, the others come back soon: the trouble may be over, or have been this process's own. Its
 * own process alone counts this, in memory.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { doubling, halfJitter } from "../options/backoff.ts";
import { provesService } from "./blocking.ts";
import { isUnanswered, type Blocked, type Outcome, type Permit } from "./permit.ts";

/** This many different users in a row, with no such call answered in between, are an outage. */
const many = 8;

/** How long others wait at most while the first attempt is under way, ms: the upper half of it. */
const soonMs = 10_000;

/** Whose turns these are. */
export interface Turns {
  /** The endpoint of the calls. */
  readonly by: "management" | "token" | "fhir";
  /** The interval between two attempts of users whose call has failed before, ms: each that fails doubles it. */
  readonly betweenMs: number;
  /** The longest such interval, ms. */
  readonly longestBetweenMs: number;
  /** How long such a user waits until it is its turn, ms: the upper half of it. */
  readonly longestMs: number;
}

export class RetriesInTurn {
  readonly #clock: Pick<Clock, "now" | "monotonic" | "random">;
  readonly #openedAt: () => number;
  readonly #turns: Turns;
  /** The first users whose call got no answer, since such a call was last answered. */
  readonly #unanswered = new Set<string>();
  /** When the gate had last opened as the turns began, on `clock.monotonic()`: each opening begins them anew. */
  #since = Number.NEGATIVE_INFINITY;
  /** When the next free turn is, on `clock.monotonic()`. */
  #freeAt = Number.NEGATIVE_INFINITY;
  /** When the first attempt of this outage began, on `clock.monotonic()`. */
  #firstAt: number | null = null;
  /** How many attempts that were begun since then got no answer either. */
  #failures = 0;
  /** The turns of users who wait, on `clock.monotonic()`. */
  readonly #turnOf = new Map<string, number>();

  /** `openedAt`: when the gate of the endpoint opened, on `clock.monotonic()`: before it, no call was answered. */
  constructor(clock: Pick<Clock, "now" | "monotonic" | "random">, openedAt: () => number, turns: Turns) {
    this.#clock = clock;
    this.#openedAt = openedAt;
    this.#turns = turns;
  }

  /** How many different users in a row got no answer, up to {@link many}. */
  get inARow(): number {
    return this.#unanswered.size;
  }

  /** Records the outcome of such a call. */
  record({ type }: Outcome, { about, enteredAt, isRetry }: Permit): void {
    if (type === "cut") return; // a purge that continues: it shows neither
    if (provesService(type)) this.#unanswered.clear();
    if (enteredAt < this.#openedAt() || !isUnanswered(type)) return;
    if (about !== null && this.#unanswered.size < many) this.#unanswered.add(about);
    if (isRetry && this.#firstAt !== null && enteredAt >= this.#firstAt) this.#failures++;
  }

  /** What such a call has to wait for, if it would be sent next; `null`: it is its turn. */
  enter({ about, isRetry }: Permit): Blocked | null {
    if (!isRetry || about === null) return null;
    const openedAt = this.#openedAt();
    if (this.inARow < many || openedAt > this.#since) {
      this.#since = openedAt;
      this.#turnOf.clear();
      this.#freeAt = Number.NEGATIVE_INFINITY;
      this.#firstAt = null;
      this.#failures = 0;
    }
    if (this.inARow < many) return null;
    const turnMs = this.#untilTurnMs(about);
    if (turnMs <= 0) {
      this.#firstAt ??= this.#clock.monotonic();
      return null;
    }
    const soon = halfJitter({ firstMs: soonMs, longestMs: soonMs }, 1, this.#clock.random());
    const waitMs = this.#failures > 0 ? turnMs : Math.min(turnMs, soon);
    const { by } = this.#turns;
    return { by, reason: "unavailable", until: this.#clock.now() + waitMs, yields: true, isLong: true };
  }

  /** How long until it is this user's turn, ms. If more wait than have a turn in time, others come back later. */
  #untilTurnMs(about: string): number {
    const now = this.#clock.monotonic();
    const { longestMs } = this.#turns;
    const own = this.#turnOf.get(about);
    if (own !== undefined && own > now) return own - now;
    const isMissed = own !== undefined && own < now - longestMs;
    this.#turnOf.delete(about);
    if (own !== undefined && !isMissed) return 0;
    const turn = Math.max(now, this.#freeAt);
    if (turn > now + longestMs) return halfJitter({ firstMs: longestMs, longestMs }, 1, this.#clock.random());
    this.#freeAt = turn + this.#betweenMs;
    if (turn > now) this.#turnOf.set(about, turn);
    return turn - now;
  }
  get #betweenMs(): number {
    const { betweenMs, longestBetweenMs } = this.#turns;
    return doubling({ firstMs: betweenMs, longestMs: longestBetweenMs }, Math.max(1, this.#failures));
  }
}
