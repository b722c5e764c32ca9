/**
 * Limits how often a bulk operation reports progress.
 *
 * @module
 */
import { sleep } from "../../clock.ts";
import type { UserChange } from "../engine/changes.ts";
import type { Engine } from "../engine/engine.ts";

/** When at most this many users are left, changes are reported almost at once, after `newsMs`, ms. */
const few = 1_000;
const newsMs = 200;

/** Decides when progress is due. */
export class Throttle {
  readonly #engine: Engine;
  readonly #everyMs: number;
  #reportedAt: number;

  constructor(engine: Engine, everyMs = 1_000) {
    this.#engine = engine;
    this.#everyMs = everyMs;
    this.#reportedAt = engine.clock.monotonic();
  }

  /** Whether a report is due. A caller that gets `true` must report. */
  isDue(): boolean {
    const now = this.#engine.clock.monotonic();
    if (now - this.#reportedAt < this.#everyMs) return false;
    this.#reportedAt = now;
    return true;
  }

  /** Waits until the next report; when few users are left, no longer than until one of them changes. */
  async wait(left: number, since: UserChange, signal: AbortSignal): Promise<void> {
    const { changes, clock } = this.#engine;
    const gapMs = left > few ? this.#everyMs : Math.min(this.#everyMs, newsMs);
    await sleep(clock, gapMs, signal);
    if (left <= few) await changes.ofAnyUser(since, this.#everyMs - gapMs, signal);
  }
}
