/**
 * Compares a server's clock with this process's monotonic clock. A server's clock can be changed by administrators, and
 * after a failover it is another clock.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { aheadMs } from "./slot-log.ts";
import type { Jump, Past } from "./steady-time.ts";

/** Sent with requests for slots, so that the server can tell whether its clock may have been set forward. */
export interface KnownTime {
  /** The latest time that it can be at the server when the request is sent, if its clock was not set forward. */
  readonly latest: number;
  /** Arriving later than that by more than this, a request is not granted a slot: it may be slow, or the clock was set. */
  readonly slackMs: number;
  /** The forward jumps that were noticed, oldest first, for logs that were not looked at since. */
  readonly jumps?: readonly Pick<Jump, "from" | "by">[];
}

/** The correction after the server's clock was set back: row times from `start` to `stop` shift by `byMs`. */
export interface Behind {
  readonly start: number;
  readonly stop: number;
  /** Negative. */
  readonly byMs: number;
}

/** Leases, pauses and most other waits are shorter than this, ms. */
export const longestWaitMs: number = 6 * 3_600_000;
/** Rows that are due within this time are not corrected; they become due soon anyway, ms. */
export const soonMs = 600_000;
/** Number of rows corrected per call. */
export const correctedAtOnce = 100;

/** Steps forward up to this are taken for slow requests, ms. */
export const stepMs = 2_000;
/** By how much of its speed a server's clock may be faster than this process's monotonic clock: time servers slew clocks. */
const drift = 0.000_5;
/** Maximum number of jumps that are kept apart. */
const mostJumps = 16;
/** The slowest request is forgotten by this factor with each one that follows. */
const forgetting = 0.9;

/** A server's time, as observed by this process. */
export class ServerTime {
  readonly #clock: Clock;
  /** By how much the server's clock is ahead of the monotonic clock at most, and when that was found out. */
  #ahead: { readonly ms: number; readonly at: number } | null = null;
  #observedAt = 0;
  #slowestMs = 0;
  #since = Number.POSITIVE_INFINITY;
  /** Forward, oldest first. */
  #jumps: readonly Jump[] = [];
  #behind: Behind | null = null;
  /** Everything written with the server's current time was written since this time. */
  #writtenSince = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Records the server's time from an answer. The request left at `sentAt` on the monotonic clock, so the server read its
   * clock between then and now: what exceeds that is a step of its clock.
   */
  observe(at: number, sentAt: number): void {
    const now = this.#clock.monotonic();
    const expected = sentAt + (this.#ahead?.ms ?? at - sentAt);
    const by = at - expected;
    // seam: a-step-of-the-servers-clock-is-noticed
    const isAhead = at - this.#latest(now) > stepMs;
    if (this.#ahead === null) this.#writtenSince = at;
    else if (isAhead || by < -aheadMs) {
      if (isAhead)
        this.#jumps = withJump(this.#jumps, { from: expected, by, since: this.#since, isOfServer: true });
      else this.#setBack(at, expected);
      this.#writtenSince = at - (now - this.#observedAt); // other processes may have noticed earlier
      this.#ahead = null;
    }
    if (this.#ahead === null) this.#since = at;
    if (this.#ahead === null || at < this.#latest(sentAt)) this.#ahead = { ms: at - sentAt, at: sentAt };
    this.#observedAt = now;
    this.#slowestMs = Math.max(now - sentAt, forgetting * this.#slowestMs);
  }

  #setBack(at: number, expected: number): void {
    this.#behind = { start: this.#writtenSince, stop: expected + longestWaitMs, byMs: at - expected };
    this.#jumps = this.#jumps.filter(({ from, by }) => from + by / 2 < at); // the others were undone
  }

  /** The latest time that it can be at the server at this time of the monotonic clock, by its clock as it was. */
  #latest(monotonic: number): number {
    if (this.#ahead === null) return Number.POSITIVE_INFINITY;
    const { ms, at } = this.#ahead;
    return monotonic + ms + drift * Math.max(0, monotonic - at);
  }

  /** What is known now; `null`: nothing yet. */
  known(): KnownTime | null {
    if (this.#ahead === null) return null;
    return {
      latest: this.#latest(this.#clock.monotonic()),
      slackMs: stepMs + this.#slowestMs,
      ...(this.#jumps.length > 0 && { jumps: this.#jumps.map(({ from, by }) => ({ from, by })) }),
    };
  }

  /**
   * The pending correction after the server's clock was set back; `null`: none. Rows written while the clock was ahead
   * would become due too late, so every row due in that range is made due earlier. For rows that were meant to be due
   * then this is harmless: they are only checked too early.
   */
  get behind(): Behind | null {
    return this.#behind;
  }

  /** Records that rows were corrected up to this time; `null`: all of them. */
  rowsCorrected(last: number | null): void {
    this.#behind = this.#behind && (last === null ? null : { ...this.#behind, start: last });
  }

  get past(): Past {
    // seam: each-jump-of-the-servers-clock-is-kept
    const earlier = this.#jumps.slice(0, -1);
    return { since: this.#since, jump: this.#jumps.at(-1) ?? null, earlier };
  }
}

/** The jumps with a further one. Of too many the oldest become one: a log is older than that if it is older than the latter. */
function withJump(jumps: readonly Jump[], jump: Jump): readonly Jump[] {
  const [first, second, ...others] = [...jumps, jump];
  if (first === undefined || second === undefined || others.length < mostJumps - 1) return [...jumps, jump];
  const by = first.by + second.by;
  return [{ ...first, from: second.from + second.by / 2 - by / 2, by }, ...others];
}
