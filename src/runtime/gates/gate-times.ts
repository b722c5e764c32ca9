/**
 * Corrects the times of gates that a process with a wrong clock wrote.
 *
 * @module
 */
import type { Gate } from "../../../machines/index.ts";

/** Clocks of processes may differ by two minutes; a gate further ahead than this was written with a wrong clock, ms. */
const furthestAheadMs = 5 * 60_000;

/** Gates by their keys, as the account's record holds them. */
type Gates = Readonly<Record<string, Gate>>;

/**
 * Corrects the times of gates. A process with a wrong clock may write a time that others would wait a day for; what counts
 * is the duration that it meant. Remembers gates from the future, so that each is corrected once and not on every read.
 */
export class GateTimes {
  /** How far ahead a gate was when it was first seen, ms, and when it was shut by the other clock. */
  readonly #ahead = new Map<string, { readonly since: number; readonly ms: number }>();

  /** Returns the gates; those from the future as if they had been shut when this process first saw them. */
  corrected(gates: Gates, now: number): Gates {
    const entries = Object.entries(gates);
    for (const key of this.#ahead.keys()) if (gates[key] === undefined) this.#ahead.delete(key);
    const isPlain = ({ since }: Gate): boolean => since <= now + furthestAheadMs;
    if (this.#ahead.size === 0 && entries.every(([, gate]) => isPlain(gate))) return gates;
    return Object.fromEntries(entries.map(([key, gate]) => [key, this.#corrected(key, gate, now)]));
  }

  #corrected(key: string, gate: Gate, now: number): Gate {
    let ahead = this.#ahead.get(key);
    if (ahead?.since !== gate.since) {
      this.#ahead.delete(key);
      if (gate.since <= now + furthestAheadMs) return gate;
      ahead = { since: gate.since, ms: gate.since - now };
      this.#ahead.set(key, ahead);
    }
    return earlier(gate, ahead.ms);
  }
}

/** A gate of this process, which the clock has left in the future when it was put back, as if it had been shut now. */
export function shutByNow(gate: Gate, now: number): Gate {
  // seam: a-clock-that-is-put-back-leaves-no-gate-shut
  return gate.since <= now + furthestAheadMs ? gate : earlier(gate, gate.since - now);
}

/** The gate as if everything about it had happened this much earlier. */
function earlier(gate: Gate, ms: number): Gate {
  const { since, until, probeCodeAt } = gate;
  return {
    ...gate,
    since: since - ms,
    until: until - ms,
    probeCodeAt: probeCodeAt === null ? null : probeCodeAt - ms,
  };
}
