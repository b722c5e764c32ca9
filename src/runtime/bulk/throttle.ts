/**
 * How often long work says how far it is.
 *
 * @module
 */
import { sleep } from "../clock.ts";
import type { Heard } from "./changes.ts";
import type { Engine } from "./engine.ts";

/** When so few users are left, news of them is told at once, or nearly, ms. */
const few = 1_000;
const newsMs = 200;

/** When it is time to say something. */
export class Pace {
  readonly #engine: Engine;
  readonly #everyMs: number;
  #saidAt: number;

  constructor(engine: Engine, everyMs = 1_000) {
    this.#engine = engine;
    this.#everyMs = everyMs;
    this.#saidAt = engine.clock.monotonic();
  }

  /** Is it time again? Whoever hears that it is says something. */
  isDue(): boolean {
    const now = this.#engine.clock.monotonic();
    if (now - this.#saidAt < this.#everyMs) return false;
    this.#saidAt = now;
    return true;
  }

  /** Waits for the next look; when few users are left, no longer than until there is news of one. */
  async wait(left: number, heard: Heard, signal: AbortSignal): Promise<void> {
    const { changes, clock } = this.#engine;
    const gapMs = left > few ? this.#everyMs : Math.min(this.#everyMs, newsMs);
    await sleep(clock, gapMs, signal);
    if (left <= few) await changes.ofAnybody(heard, this.#everyMs - gapMs, signal);
  }
}
