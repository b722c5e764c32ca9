/** One life of a process: its clock, and its events, which end when it dies. */
import type { Clock } from "oneup-lifecycle";
import type { Dice, Time } from "./time.ts";

/** One life of a process: from its start to its end. After that it receives nothing and does nothing. */
export class Life {
  readonly name: string;
  readonly clock: Clock;
  /** The newest format that its release of the library knows. */
  readonly release: number;
  alive = true;
  /** The management limit that it must keep to: the stricter of its own and the account's. */
  ceiling: { readonly calls: number; readonly windowMs: number } | null = null;
  /** Until then it stands still, on the true time. */
  stalledUntil = 0;
  /** What was under way in a standstill leaves by then, on the true time: a second one may end before the first. */
  heldUpUntil = 0;
  /** It is to stand still before its next write about this user; then that is told. */
  standsBefore: { readonly id: string; readonly told: () => void } | null = null;
  /** Its next write about this user is long on its way: once it is sent, that is told, and then it arrives. */
  sendsLate: { readonly id: string; readonly sent: () => void; readonly arrival: Promise<void> } | null =
    null;
  /** The wait that a 429 asked for, by endpoint. */
  readonly toldToWait = new Map<string, { readonly since: number; readonly until: number }>();
  /** When a call about this user was last answered 429. */
  readonly throttledAt = new Map<string, number>();
  /** When a call without a user's id was last answered, by endpoint. */
  readonly neutralAt = new Map<string, number>();
  /** Is its clock wrong by days, or was it just now? */
  isDaysOff: () => boolean = () => false;
  /** It stood still once. */
  hasStalled = false;
  /** How long its machine was suspended before the present suspension, ms. */
  #suspendedBefore = 0;
  /** The present suspension, or the last one, on the true time. */
  #suspension = { from: 0, until: 0 };
  readonly #time: Time;

  constructor(time: Time, name: string, release: number, skewMs: () => number, dice: Dice) {
    const startedAt = time.now;
    this.#time = time;
    this.name = name;
    this.release = release;
    this.clock = {
      now: () => time.now + skewMs(),
      monotonic: () => time.now - startedAt - this.suspendedMs,
      random: () => dice.next(),
      timer: (ms, task) => this.#wakesAfter(ms, task),
    };
  }

  /** Its machine is suspended from now on, for so long. */
  suspend(ms: number): void {
    const { now } = this.#time;
    this.#suspendedBefore = this.suspendedMs;
    this.#suspension = { from: now, until: Math.max(now + ms, this.#suspension.until) };
    this.stalledUntil = this.#suspension.until;
  }

  /** How long its machine was suspended, ms: nothing of it ran, and neither did its monotonic clock. */
  get suspendedMs(): number {
    const { from, until } = this.#suspension;
    return this.#suspendedBefore + Math.max(0, Math.min(this.#time.now, until) - from);
  }

  /** A timer, which counts only while the machine runs. */
  #wakesAfter(ms: number, task: () => void): () => void {
    const due = this.clock.monotonic() + ms;
    let cancel = this.hear(ms, () => {
      const leftMs = due - this.clock.monotonic();
      if (leftMs > 0) cancel = this.#wakesAfter(leftMs, task);
      else task();
    });
    return () => cancel();
  }

  /** Lets the process see something `ms` from now, or as soon after that as it does not stand still. */
  hear(ms: number, task: () => void): () => void {
    const time = this.#time;
    let cancel = time.after(ms, () => {
      if (!this.alive) return;
      if (time.now < this.stalledUntil) cancel = this.hear(this.stalledUntil - time.now, task);
      else task();
    });
    return () => cancel();
  }
}

/** The response that a dead process gets: none. */
export function never<T>(): Promise<T> {
  return new Promise(() => {});
}
