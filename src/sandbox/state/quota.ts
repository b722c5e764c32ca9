/** The limit on user management calls (1upHealth user management guide, Rate Limits). */

import type { Settings } from "../options/sandbox-options.ts";

/** The number of calls, the kind of window, and another client that spends calls, too. */
export type QuotaLimit = Pick<Settings, "calls" | "windowMs" | "window" | "spender">;

/** The state of a quota. Part of a snapshot. */
export interface QuotaState {
  /** Arrival times of the latest `calls` calls (rolling), in milliseconds since 1970; a ring starting at `next`. */
  readonly times: readonly number[];
  readonly next: number;
  /** Number of the current window (fixed). */
  readonly current: number;
  readonly used: number;
  /** The time up to which the other client's calls are counted, in milliseconds since 1970. */
  readonly settledAt?: number | undefined;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Counts every call that arrives, including refused ones. A rolling window only needs the time of the call `limit.calls`
 * calls ago, so each call costs O(1).
 */
export class Quota {
  readonly #limit: QuotaLimit;
  #state: Mutable<QuotaState> & { times: number[] } = { times: [], next: 0, current: 0, used: 0 };

  constructor(limit: QuotaLimit) {
    this.#limit = limit;
  }

  /** Counts a call that arrives at `now`; returns false if it exceeds the limit. */
  take(now: number): boolean {
    this.settle(now);
    return this.#count(now);
  }

  /** Counts the other client's calls up to `now`; must be called before its rate changes. */
  settle(now: number): void {
    const { spender, windowMs } = this.#limit;
    const state = this.#state;
    const settledAt = state.settledAt ?? now;
    state.settledAt = Math.max(now, settledAt);
    if (spender === false) return;
    const { everyMs } = spender;
    // Calls older than a window no longer count.
    const from = Math.max(settledAt, now - windowMs);
    for (let at = (Math.floor(from / everyMs) + 1) * everyMs; at <= now; at += everyMs) this.#count(at);
  }

  #count(now: number): boolean {
    const { calls, windowMs, window } = this.#limit;
    const state = this.#state;
    if (calls === Infinity) return true;
    if (window === "fixed") {
      const current = Math.floor(now / windowMs);
      if (current !== state.current) state.used = 0;
      state.current = current;
      state.used += 1;
      return state.used <= calls;
    }
    const oldest = state.times[state.next];
    state.times[state.next] = now;
    state.next = (state.next + 1) % calls;
    return oldest === undefined || oldest <= now - windowMs;
  }

  /** Milliseconds until a call would be accepted again, if none arrives before. */
  waitMs(now: number): number {
    const { windowMs, window } = this.#limit;
    if (window === "fixed") return windowMs - (now % windowMs);
    return Math.max(0, (this.#state.times[this.#state.next] ?? now - windowMs) + windowMs - now);
  }

  get state(): QuotaState {
    return this.#fitted(this.#state);
  }

  /** The state may be that of another limit, with a ring of another length. */
  set state(state: QuotaState) {
    this.#state = this.#fitted(state);
  }

  /** With the latest calls, oldest first, as many as this limit looks at. */
  #fitted(state: QuotaState): QuotaState & { times: number[] } {
    const { calls } = this.#limit;
    const times = [...state.times.slice(state.next), ...state.times.slice(0, state.next)].slice(-calls);
    return { ...state, times, next: times.length % calls };
  }
}
