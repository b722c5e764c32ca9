/**
 * Compares a server's clock with this process's monotonic clock. A server's clock can be changed by administrators, and
 * after a failover it is another clock.
 *
 * @module
 */
import { machineSuspendedMs, type Clock } from "../clock.ts";
import { aheadMs as backMs, stepMs } from "./slot-log.ts";
import type { Jump, Past } from "./steady-time.ts";

/** Sent with requests for slots, so that the server can tell whether its clock may have been set forward. */
export interface KnownTime {
  /** The latest time that it can be at the server when the request is sent, if its clock was not set forward. */
  readonly latest: number;
  /** Arriving later than that by more than this, a request is not granted a slot: it may be slow, or the clock was set. */
  readonly slackMs: number;
  /** The forward jumps that were noticed, oldest first, for logs that were not looked at since. */
  readonly jumps?: readonly Pick<Jump, "seenAt" | "from" | "by">[];
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

/** Maximum number of jumps that are kept apart. */
const mostJumps = 64;
/** Jumps are kept for this long: no window is longer, ms. */
const keptForMs = 26 * 3_600_000;
/** The slowest request is forgotten by this factor with each one that follows. */
const forgetting = 0.5;

/** A server's time, as observed by this process. */
export class ServerTime {
  readonly #clock: Clock;
  readonly #suspended: () => number;
  /** By how much the server's clock is ahead of the monotonic clock at most, ms. */
  #aheadMs: number | null = null;
  /** When the server's time was last heard, on the monotonic clock, and what it was. */
  #heardAt = 0;
  #seenAt = 0;
  #suspendedMs: number;
  #slowestMs = 0;
  #since = Number.POSITIVE_INFINITY;
  /** Forward, oldest first. */
  #jumps: readonly Jump[] = [];
  #behind: Behind | null = null;
  /** Everything written with the server's current time was written since this time. */
  #writtenSince = Number.POSITIVE_INFINITY;

  /** `suspended`: how long this machine was suspended, ms, which its monotonic clock does not count. */
  constructor(clock: Clock, suspended: () => number = machineSuspendedMs) {
    this.#clock = clock;
    this.#suspended = suspended;
    this.#suspendedMs = suspended();
  }

  /**
   * Records the server's time from an answer. The request left at `sentAt` on the monotonic clock, so the server read its
   * clock between then and now: what exceeds that is a step of its clock.
   */
  observe(at: number, sentAt: number): void {
    const now = this.#clock.monotonic();
    const aheadMs = at - sentAt;
    const by = aheadMs - (this.#aheadMs ?? aheadMs);
    // seam: a-step-of-the-servers-clock-is-noticed
    const isSetForward = by - (now - sentAt) > stepMs;
    if (this.#aheadMs === null) this.#begin(at, at);
    else if (isSetForward) this.#setForward(at, by, { sentAt, now });
    else if (by < -backMs) this.#setBack(at, by, now);
    if (this.#aheadMs === null || isSetForward || by < 0) this.#aheadMs = aheadMs;
    [this.#heardAt, this.#seenAt] = [now, at];
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
    const jump = { seenAt: this.#seenAt, from: at - by, by, since: this.#since, isOfServer: true };
    this.#jumps = withJump(this.#jumps, jump);
    this.#begin(at, at - (now - this.#heardAt)); // other processes may have noticed earlier
  }

  #setBack(at: number, byMs: number, now: number): void {
    this.#behind = { start: this.#writtenSince, stop: at - byMs + longestWaitMs, byMs };
    this.#jumps = this.#jumps.filter(({ from, by }) => from + by / 2 < at); // the others were undone
    this.#begin(at, at - (now - this.#heardAt));
  }

  /** What is known now; `null`: nothing yet. */
  known(): KnownTime | null {
    if (this.#aheadMs === null) return null;
    return {
      latest: this.#clock.monotonic() + this.#aheadMs,
      slackMs: stepMs + this.#slowestMs,
      ...(this.#jumps.length > 0 && {
        jumps: this.#jumps.map(({ seenAt, from, by }) => ({ seenAt, from, by })),
      }),
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

/** The jumps with a further one, without those of long ago. Of too many the oldest become one. */
function withJump(jumps: readonly Jump[], jump: Jump): readonly Jump[] {
  const kept = [...jumps, jump].filter(({ from, by }) => from + by > jump.from - keptForMs);
  const [first, second, ...others] = kept;
  if (first === undefined || second === undefined || kept.length <= mostJumps) return kept;
  const by = first.by + second.by;
  return [{ ...first, from: second.from + second.by - by, by }, ...others];
}
