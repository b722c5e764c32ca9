/** Holds the library to the limits: every process to the stricter of its own and the account's, and all to what 429 means. */
import type { Json, Limit, Slot, Store } from "oneup-lifecycle";
import type { Judge } from "./judge.ts";
import type { Life } from "./life.ts";
import type { Scenario } from "./scenario.ts";
import { SilenceJudge } from "./silence-judge.ts";
import { stubbornSpell } from "./throttling.ts";
import { beginning, Dice, second, type Time } from "./time.ts";

/** In ten minutes waits that double from a second on leave room for nine tries, and two processes may be as fast. */
const mostTries = 11;

export class LimitJudge {
  readonly #judge: Pick<Judge, "blame">;
  readonly #scenario: Scenario;
  readonly #time: Time;
  readonly #foreign: { readonly from: number; readonly until: number }[] = [];
  /** When calls arrived in the longest window that any process may believe in. */
  readonly #arrivals: number[] = [];
  /** Since when slots of a window have been asked for, and when last. */
  readonly #asked = new Map<number, { since: number; at: number }>();
  /** Answers 429 to management calls, and how often the gate was shut for them. */
  readonly #throttled = { answers: 0, shut: 0, attempt: 0 };
  readonly #stubborn: { readonly from: number; readonly until: number };
  /** What an outage of user management costs. */
  readonly silences: SilenceJudge;
  #triedFrom: number | null = null;
  #tries = 0;

  constructor(judge: Pick<Judge, "blame">, scenario: Scenario, time: Time) {
    this.#judge = judge;
    this.#scenario = scenario;
    this.#time = time;
    this.silences = new SilenceJudge(judge, scenario, time);
    const chance = new Dice(scenario.seed, "reach of stubbornThrottling").next();
    const { atMs, forMs } = stubbornSpell(chance);
    this.#stubborn = { from: beginning + atMs, until: beginning + atMs + forMs };
  }

  /** Another client spends the account's calls. */
  othersSpend(from: number, until: number): void {
    this.#foreign.push({ from, until });
  }

  /** A management call arrived: it counts in the window that ends now. */
  arrived(outcome: string, status: JournalStatus): void {
    const { calls, windowMs } = this.#scenario.limit;
    const { now } = this.#time;
    this.#arrivals.push(now);
    while ((this.#arrivals[0] ?? now) <= now - 2 * windowMs) this.#arrivals.shift();
    const arrived = this.#within(windowMs);
    if (arrived > calls) this.#judge.blame(`P4: ${arrived} calls within a window of ${calls}`);
    if (outcome === "rate_limited" && !this.#foreign.some(({ from, until }) => now >= from && now <= until))
      this.#judge.blame("P4: a call was refused although no other client spends the account's calls");
    if (status === 429) this.#throttled.answers++;
    this.silences.arrived(outcome);
    if (status === 429) this.silences.throttled();
    if (this.#scenario.alone !== "stubbornThrottling") return;
    if (now < this.#stubborn.from || now >= this.#stubborn.until) return;
    this.#triedFrom ??= now + 2 * second; // the first may not be alone
    if (now > this.#triedFrom && ++this.#tries > mostTries)
      this.#judge.blame(`P4: ${this.#tries} calls in ten minutes in which all are answered 429`);
  }

  /** A slot was taken: people at the screen still find the places that are theirs. */
  async slotTaken(
    life: Life,
    { limit, lane }: Pick<Slot, "lane"> & { readonly limit: Limit },
    slots: Store["slots"],
  ): Promise<void> {
    this.taken(life, limit);
    const { reserved = 0, calls } = limit;
    if (lane === "interactive") return;
    const { used } = await slots.forecast({ limit, calls: 1, lane });
    if (used.recovery + used.bulk > calls - reserved)
      this.#judge.blame(`P4: ${lane} took a slot that is reserved for people`);
  }

  /** A process took a slot of this limit. */
  taken({ ceiling, name }: Life, limit: Limit): void {
    if (limit.name !== "management" || ceiling === null) return;
    const { now } = this.#time;
    const { calls, windowMs } = ceiling;
    if (limit.calls > calls || limit.windowMs < windowMs)
      this.#judge.blame(
        `P4: ${name} takes a slot of ${limit.calls} in ${limit.windowMs} ms, and must keep to ${calls} in ${windowMs} ms`,
      );
    const before = this.#asked.get(windowMs);
    const isNew = before === undefined || now - before.at > (windowMs * 7) / 8;
    const since = isNew ? now : before.since;
    this.#asked.set(windowMs, { since, at: now });
    const counted = this.#within(Math.min(windowMs, now - since));
    if (counted + 1 > calls)
      this.#judge.blame(`P4: ${name} takes slot ${counted + 1} of ${calls} in its window of ${windowMs} ms`);
  }

  /** So many calls have arrived in so long. */
  #within(ms: number): number {
    const from = this.#time.now - ms;
    const first = this.#arrivals.findIndex((at) => at > from);
    return first < 0 ? 0 : this.#arrivals.length - first;
  }

  /** The account's record was written: only a 429 shuts the gate that a 429 shuts. */
  account(value: Json): void {
    const { gates = {} } = value as { gates?: Record<string, GateValue> }; // written by the library
    this.silences.account(value);
    const { attempt = 0, reason } = gates["management"] ?? {};
    if (reason === "unavailable") return;
    const before = this.#throttled.attempt;
    this.#throttled.attempt = attempt;
    if (attempt <= before) return; // a try that was not made, or a later time that was named, shuts nothing anew
    this.#throttled.shut++;
    const { alone } = this.#scenario;
    const isStrict = alone === "stubbornThrottling" || alone === "unclearTries";
    if (isStrict && this.#throttled.shut > this.#throttled.answers)
      this.#judge.blame("P2: the account is shut by an answer that is no 429");
  }
}

type JournalStatus = number | string | null | undefined;

interface GateValue {
  /** How often it was shut in a row. */
  readonly attempt: number;
  readonly reason: string;
}
