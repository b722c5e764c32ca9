/**
 * Compares a server's clock with this process's monotonic clock. A server's clock can be changed by administrators, and
 * after a failover it is another clock.
 *
 * @module
 */
import { machineSuspendedMs, uniqueName, type Clock } from "../clock.ts";
import { aheadMs as longBackMs, stepMs } from "./slot-log.ts";
import type { Past, Steps } from "./steady-time.ts";

/** Sent with requests for slots, so that the server can tell whether its clock may have been set. */
export interface KnownTime {
  /** The earliest and the latest time that it can be at the server when the request is sent, if its clock was not set. */
  readonly earliest: number;
  readonly latest: number;
  /** Arriving later than that by more than this, a request is not granted a slot: it may be slow, or the clock was set. */
  readonly slackMs: number;
  /** How far the server's clock was set, as this process has noticed. */
  readonly steps: Steps;
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

/** The slowest request is forgotten by this factor with each one that follows. */
const forgetting = 0.5;

/** A server's time, as observed by this process. */
export class ServerTime {
  readonly #clock: Clock;
  readonly #suspended: () => number;
  /** By how much the server's clock is ahead of the monotonic clock, at least and at most, ms. */
  #ahead: { readonly leastMs: number; readonly mostMs: number } | null = null;
  /** When the server's time was last heard, on the monotonic clock. */
  #heardAt = 0;
  #suspendedMs: number;
  #slowestMs = 0;
  #since = Number.POSITIVE_INFINITY;
  #steps: Steps;
  #behind: Behind | null = null;
  /** Everything written with the server's current time was written since this time. */
  #writtenSince = Number.POSITIVE_INFINITY;

  /** `suspended`: how long this machine was suspended, ms, which its monotonic clock does not count. */
  constructor(clock: Clock, suspended: () => number = machineSuspendedMs) {
    this.#clock = clock;
    this.#suspended = suspended;
    this.#steps = { process: uniqueName(), ms: 0, leastMs: 0, since: Number.POSITIVE_INFINITY };
    this.#suspendedMs = suspended();
  }

  /**
   * Records the server's time from an answer. The request left at `sentAt` on the monotonic clock, so the server read its
   * clock between then and now: what exceeds that is a step of its clock.
   */
  observe(at: number, sentAt: number): void {
    const now = this.#clock.monotonic();
    const its = { leastMs: at - now, mostMs: at - sentAt };
    const ahead = this.#ahead ?? its;
    // seam: a-step-of-the-servers-clock-is-noticed
    const isSetForward = its.leastMs - ahead.mostMs > stepMs;
    const isSetBack = ahead.leastMs - its.mostMs > stepMs;
    if (this.#ahead === null) {
      this.#steps = { ...this.#steps, since: at };
      this.#begin(at, at);
    } else if (isSetForward) this.#setForward(at, its.mostMs - ahead.mostMs, { sentAt, now });
    else if (isSetBack) this.#setBack(at, its.mostMs - ahead.leastMs, now);
    this.#ahead =
      isSetForward || isSetBack
        ? its
        : {
            leastMs: Math.max(its.leastMs, ahead.leastMs),
            mostMs: Math.min(its.mostMs, ahead.mostMs),
          };
    this.#heardAt = now;
    this.#slowestMs = Math.max(now - sentAt, forgetting * this.#slowestMs);
  }

  #begin(at: number, writtenSince: number): void {
    this.#since = at;
    this.#writtenSince = writtenSince;
  }

  #setForward(
    at: number,
    measuredBy: number,
    { sentAt, now }: Readonly<Record<"sentAt" | "now", number>>,
  ): void {
    const suspendedMs = this.#suspended();
    const sleptMs = suspendedMs - this.#suspendedMs;
    const by = sleptMs > stepMs ? measuredBy - sleptMs : measuredBy; // it is measured in steps of its own
    this.#suspendedMs = suspendedMs;
    if (by - (now - sentAt) <= stepMs) return; // this machine slept
    this.#steps = { ...this.#steps, ms: this.#steps.ms + by };
    this.#begin(at, at - (now - this.#heardAt)); // other processes may have noticed earlier
  }

  #setBack(at: number, byMs: number, now: number): void {
    const ms = this.#steps.ms + byMs;
    this.#steps = { ...this.#steps, ms, leastMs: Math.min(ms, this.#steps.leastMs) };
    if (byMs >= -longBackMs) return; // rows wait for that
    this.#behind = { start: this.#writtenSince, stop: at - byMs + longestWaitMs, byMs };
    this.#begin(at, at - (now - this.#heardAt));
  }

  /** What is known now; `null`: nothing yet. */
  known(): KnownTime | null {
    if (this.#ahead === null) return null;
    const now = this.#clock.monotonic();
    return {
      earliest: now + this.#ahead.leastMs,
      latest: now + this.#ahead.mostMs,
      slackMs: stepMs + this.#slowestMs,
      steps: this.#steps,
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
    return { since: this.#since, jump: null, steps: this.#steps };
  }
}
