/** The faults that wait for their call, in order. */

import { Chance, type ChanceState } from "./chance.ts";
import { callsOf, checkFault, type Fault } from "./fault.ts";
import type { CallName } from "./plan.ts";

interface Waiting {
  readonly fault: Fault;
  readonly calls: readonly CallName[] | undefined;
  skip: number;
  times: number;
}

/** Which call is hit by which fault. */
export class Faults {
  readonly #chance: Chance;
  readonly #start: ChanceState;
  #waiting: Waiting[] = [];

  /** @param seed of the faults' own chance */
  constructor(seed: number) {
    this.#chance = new Chance(seed);
    this.#start = this.#chance.state;
  }

  /** @throws {LifecycleError} `INVALID_OPTION` */
  add(fault: Fault): void {
    checkFault(fault);
    const { skip = 0, times = fault.probability === undefined ? 1 : Infinity } = fault;
    this.#waiting.push({ fault: { ...fault }, calls: callsOf(fault), skip, times });
  }

  /** Those that still hit something, with what is left of `times` and `skip`. */
  get waiting(): readonly Fault[] {
    return this.#waiting.map(({ fault, skip, times }) => ({ ...fault, times, skip }));
  }

  clear(): void {
    this.#waiting = [];
  }

  /** Forgets the faults, and begins the chance anew. */
  reset(): void {
    this.clear();
    this.#chance.state = this.#start;
  }

  /** Uses up the first fault that hits this call. */
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
