/**
 * Repeats calls that read 1upHealth's list. Each takes a slot of the limit, so the waits grow to minutes, and while they
 * fail one of them is tried at a time.
 *
 * @module
 */
import { sleep } from "../../clock.ts";
import { isLifecycleError } from "../../errors.ts";
import type { Engine } from "../engine/engine.ts";
import { warnOfRetry } from "../engine/retry-write.ts";
import { afterTrouble, halfJitter } from "../options/backoff.ts";

export class ListRetries {
  readonly #engine: Engine;
  readonly #signal: AbortSignal;
  /** Calls in a row that failed, whichever they were. */
  #inARow = 0;
  /** When the next one may leave, on `clock.monotonic()`. */
  #nextAt = Number.NEGATIVE_INFINITY;
  /** When one last failed, on `clock.monotonic()`. */
  #failedAt = Number.NEGATIVE_INFINITY;
  #failed = 0;

  constructor(engine: Engine, signal: AbortSignal) {
    this.#engine = engine;
    this.#signal = signal;
  }

  /** Calls that were sent and failed. */
  get failed(): number {
    return this.#failed;
  }

  /**
   * Makes a call, which must report that it is sent, until it is answered.
   *
   * @throws the signal's reason; errors that are not retryable, or that came before anything was sent and so cost nothing
   */
  async until<T>(call: (onSending: () => void) => Promise<T>): Promise<T> {
    const { clock } = this.#engine;
    for (;;) {
      await this.#turn();
      let sentAt: number | null = null;
      try {
        const answer = await call(() => void (sentAt = clock.monotonic()));
        [this.#inARow, this.#nextAt] = [0, Number.NEGATIVE_INFINITY];
        return answer;
      } catch (error) {
        if (sentAt === null || !isLifecycleError(error)) throw error;
        this.#failed++;
        if (!error.retryable) throw error;
        if (sentAt <= this.#failedAt) continue; // it was under way when another failed
        this.#inARow++;
        this.#failedAt = clock.monotonic();
        const ms = this.#waitMs();
        this.#nextAt = clock.monotonic() + ms;
        if (this.#inARow === 1)
          warnOfRetry(this.#engine, error, ms, `Cannot read 1upHealth's list of users yet: ${error.message}`);
      }
    }
  }

  /** Waits until a call may leave; while calls fail, the next one waits until the outcome of this one is likely known. */
  async #turn(): Promise<void> {
    const { clock } = this.#engine;
    for (let ms: number; (ms = this.#nextAt - clock.monotonic()) > 0;) await sleep(clock, ms, this.#signal);
    if (this.#inARow > 0) this.#nextAt = clock.monotonic() + this.#waitMs();
  }

  #waitMs(): number {
    return halfJitter(afterTrouble, this.#inARow, this.#engine.clock.random());
  }
}
