/**
 * Renews connections after FHIR answers that are about another resource than was asked for, within bounds.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";

/** So many at once: what mixed up one connection may have mixed up several, which are noticed one after the other. */
const atOnce = 8;
/**
 * Later ones, ms. A server that has merged two patients answers each read of one of them with the other, and each renewal
 * costs all users their connections.
 */
const everyMs = 5_000;

/** A renewal that is asked for too early is made up for by the first call after its time. */
export class BoundedRenewal {
  #isDue = false;
  #credit = atOnce;
  #since: number;
  readonly #clock: Clock;
  readonly #renew: () => void;

  constructor(clock: Clock, renew: () => void) {
    this.#clock = clock;
    this.#renew = renew;
    this.#since = clock.monotonic();
  }

  /** An answer was about another resource. */
  request(): void {
    this.#isDue = true;
    this.makeUp();
  }

  /** A call is about to leave. */
  makeUp(): void {
    if (!this.#isDue) return;
    const now = this.#clock.monotonic();
    this.#credit = Math.min(atOnce, this.#credit + (now - this.#since) / everyMs);
    this.#since = now;
    if (this.#credit < 1) return;
    this.#credit--;
    this.#isDue = false;
    this.#renew();
  }
}
