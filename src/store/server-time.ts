/**
 * Compares a server's clock with this process's monotonic clock. A server's clock can be changed by administrators, and
 * after a failover it is another clock.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { aheadMs } from "./slot-log.ts";
import type { Past } from "./steady-time.ts";

/** Sent with requests for slots, so that the server can detect jumps of its clock. */
export interface KnownTime {
  /** A past server time. */
  readonly at: number;
  /** How long ago that was, by the monotonic clock, ms. */
  readonly agoMs: number;
  /** The last forward jump that was noticed. */
  readonly from?: number;
  readonly by?: number;
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

/** A server's time, as observed by this process. */
export class ServerTime {
  readonly #clock: Clock;
  #last: { readonly at: number; readonly observedAt: number } | null = null;
  #past: Past = { since: Number.POSITIVE_INFINITY, jump: null };
  #behind: Behind | null = null;
  /** Everything written with the server's current time was written since this time. */
  #writtenSince = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records the server's time from an answer, and returns it. */
  observe(at: number): number {
    const observedAt = this.#clock.monotonic();
    const passed = this.#last === null ? 0 : observedAt - this.#last.observedAt;
    const expected = this.#last === null ? at : this.#last.at + passed;
    const by = at - expected;
    if (this.#last === null) {
      this.#past = { since: at, jump: null };
      this.#writtenSince = at;
    } else if (Math.abs(by) > aheadMs) {
      if (by < 0) this.#behind = { start: this.#writtenSince, stop: expected + longestWaitMs, byMs: by };
      this.#writtenSince = at - passed; // other processes may have noticed earlier
      this.#past = { since: at, jump: { from: expected, by, since: this.#past.since, isOfServer: true } };
    }
    this.#last = { at, observedAt };
    return at;
  }

  /** What is known now; `null`: nothing yet. */
  known(): KnownTime | null {
    if (this.#last === null) return null;
    const { at, observedAt } = this.#last;
    const { jump } = this.#past;
    const forward = jump !== null && jump.by > 0 ? { from: jump.from, by: jump.by } : {};
    return { at, agoMs: this.#clock.monotonic() - observedAt, ...forward };
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
    return this.#past;
  }
}
