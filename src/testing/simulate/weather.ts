/**
 * What goes wrong in one seed: how often processes die and stores refuse, and what 1upHealth gets wrong.
 *
 * @module
 */
import { storeUnavailable } from "../../errors.ts";
import { Chance } from "../../sandbox/base/chance.ts";
import type { Fault } from "../../sandbox/faults/fault.ts";
import type { SandboxOptions } from "../../sandbox/options/sandbox-options.ts";
import type { Step, Strike } from "../test-process.ts";

/** Random numbers of one seed. */
export class Dice extends Chance {
  /** Another `use` draws other numbers. */
  constructor(seed: number, use: number) {
    super(seed * 8 + use);
  }

  /** True in so many cases of 1. */
  hits(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.next() * list.length)] as T; // in range
  }

  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }
}

/** What 1upHealth and the network may get wrong. */
const faults: readonly Fault[] = [
  { drop: "before" },
  { drop: "after" },
  { drop: "body" },
  { status: 503 },
  { status: 500, commit: true },
  { response: "rateLimited", retryAfterMs: 30_000 },
];

/** A process is killed so often at most: in the end every seed comes to its end. */
const mostDeaths = 6;

/** A process dies so much more often at a step of its own: it has few of them beside those of its lifecycle. */
const ownSteps = 8;

export class Weather {
  /** Nothing goes wrong any more. */
  isCalm = false;
  deaths = 0;
  refusals = 0;
  readonly sandbox: SandboxOptions;
  readonly faults: readonly Fault[];
  readonly #dice: Dice;
  readonly #death: number;
  readonly #refusal: number;
  readonly #slow: number;

  constructor(seed: number) {
    const dice = (this.#dice = new Dice(seed, 1));
    this.#death = dice.pick([0, 0.01, 0.02, 0.04]);
    this.#refusal = dice.pick([0, 0, 0.02, 0.1]);
    this.#slow = dice.pick([0, 0.01]);
    this.sandbox = {
      latencyMs: dice.pick([[5, 50] as const, [5, 400] as const]),
      readLagMs: dice.pick([0, 300, 900]),
    };
    this.faults = faults.flatMap((fault) => {
      const probability = dice.pick([0, 0, 0.05, 0.2]);
      return probability === 0 ? [] : [{ ...fault, probability }];
    });
  }

  /** What happens to a process at this step, which it takes now. */
  strike(steps: readonly Step[]): Strike {
    const dice = this.#dice;
    const isCall = steps.includes("call");
    if (this.isCalm) return { delayMs: 0, end: null };
    const delayMs = isCall ? 0 : dice.hits(this.#slow) ? dice.between(1_000, 90_000) : dice.between(0, 20);
    const when = dice.pick(["before", "after"] as const);
    const isOwn = steps.includes("step");
    if (this.deaths < mostDeaths && dice.hits(isOwn ? ownSteps * this.#death : this.#death)) {
      this.deaths++;
      return { delayMs, end: { when, error: null } };
    }
    if (isCall || isOwn || !dice.hits(this.#refusal)) return { delayMs, end: null };
    this.refusals++;
    const error = storeUnavailable("Cannot use the simulated store: it does not answer");
    return { delayMs, end: { when, error } };
  }
}
