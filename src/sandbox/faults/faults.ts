/** The pending faults, in order. */

import { Chance, type ChanceState } from "../base/chance.ts";
import { callsOf, checkFault, type Fault } from "./fault.ts";
import type { CallName } from "../base/plan.ts";

interface Waiting {
  readonly fault: Fault;
  readonly calls: readonly CallName[] | undefined;
  skip: number;
  times: number;
}

/** Matches calls with faults. */
export class Faults {
  readonly #chance: Chance;
  readonly #start: ChanceState;
  #waiting: Waiting[] = [];

  /** @param seed Seed of the faults' own random numbers. */
  constructor(seed: number) {
    this.#chance = new Chance(seed);
    this.#start = this.#chance.state;
  }

  /** @throws {LifecycleError} `INVALID_OPTION` */
  add(given: Fault): void {
    const fault = checkFault(given);
    const { skip = 0, times = fault.probability === undefined ? 1 : Infinity } = fault;
    this.#waiting.push({ fault, calls: callsOf(fault), skip, times });
  }

  /** The faults that can still hit a call, with the remaining `times` and `skip`. */
  get waiting(): readonly Fault[] {
    return this.#waiting.map(({ fault, skip, times }) => ({ ...fault, times, skip }));
  }

  clear(): void {
    this.#waiting = [];
  }

  /** Removes the faults and restarts the random numbers. */
  reset(): void {
    this.clear();
    this.#chance.state = this.#start;
  }

  /** Returns the first fault that hits this call, and uses it up by one. */
  match(call: CallName, appUserId: string | undefined): Fault | undefined {
    for (const waiting of this.#waiting) {
      const { fault, calls } = waiting;
      if (calls !== undefined && !calls.includes(call)) continue;
      if (fault.appUserId !== undefined && fault.appUserId !== appUserId) continue;
      if (waiting.skip > 0) {
        waiting.skip -= 1;
        continue;
      }
      if (fault.probability !== undefined && this.#chance.next() >= fault.probability) continue;
      waiting.times -= 1;
      if (waiting.times <= 0) this.#waiting = this.#waiting.filter((other) => other !== waiting);
      return fault;
    }
    return undefined;
  }
}
