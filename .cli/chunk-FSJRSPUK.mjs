import {
  aheadMs
} from "./chunk-XRE227HE.mjs";

// src/store/server-time.ts
var longestWaitMs = 6 * 36e5;
var soonMs = 6e5;
var correctedAtOnce = 100;
var ServerTime = class {
  #clock;
  #last = null;
  #past = { since: Number.POSITIVE_INFINITY, jump: null };
  #behind = null;
  /** Everything written with the server's current time was written since this time. */
  #writtenSince = Number.POSITIVE_INFINITY;
  constructor(clock) {
    this.#clock = clock;
  }
  /** Records the server's time from an answer, and returns it. */
  observe(at) {
    const observedAt = this.#clock.monotonic();
    const passed = this.#last === null ? 0 : observedAt - this.#last.observedAt;
    const expected = this.#last === null ? at : this.#last.at + passed;
    const by = at - expected;
    if (this.#last === null) {
      this.#past = { since: at, jump: null };
      this.#writtenSince = at;
    } else if (Math.abs(by) > aheadMs) {
      if (by < 0) this.#behind = { start: this.#writtenSince, stop: expected + longestWaitMs, byMs: by };
      this.#writtenSince = at - passed;
      this.#past = { since: at, jump: { from: expected, by, since: this.#past.since } };
    }
    this.#last = { at, observedAt };
    return at;
  }
  /** What is known now; `null`: nothing yet. */
  known() {
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
  get behind() {
    return this.#behind;
  }
  /** Records that rows were corrected up to this time; `null`: all of them. */
  rowsCorrected(last) {
    this.#behind = this.#behind && (last === null ? null : { ...this.#behind, start: last });
  }
  get past() {
    return this.#past;
  }
};

export {
  soonMs,
  correctedAtOnce,
  ServerTime
};
