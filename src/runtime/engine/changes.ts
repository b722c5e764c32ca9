/**
 * News of users within this process.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Commit } from "../store/contract.ts";
import type { User } from "./user.ts";

/** A worker that sleeps. */
interface Sleeper {
  readonly wake: () => void;
  /** When it looks by itself, on `clock.monotonic()`. */
  readonly until: number;
  /** Users wait in lanes: whoever comes to rest may leave a slot to them. */
  readonly lanes: boolean;
}

/** What a worker had heard of before it asked the store. */
export interface Heard {
  readonly news: number;
  readonly work: number;
}

/** What is due later than this is no news for a worker: it looks more often, ms. */
const soonMs = 3_600_000;

/** Who wants to hear of what. */
export class Changes {
  readonly #clock: Clock;
  readonly #listeners = new Set<(user: User) => void>();
  readonly #followers = new Map<string, Set<(user: User) => void>>();
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #watching = new Set<() => void>();
  readonly #sleepers = new Set<Sleeper>();
  #news = 0;
  #work = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What has been heard of so far. */
  get heard(): Heard {
    return { news: this.#news, work: this.#work };
  }

  /** Calls `listener` after every step that this process has made durable, until the returned function is called. */
  subscribe(listener: (user: User) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The same for the steps of user `id` alone, at no cost to those of others. */
  follow(id: string, listener: (user: User) => void): () => void {
    const followers = this.#followers.get(id) ?? new Set();
    this.#followers.set(id, followers.add(listener));
    return () => {
      followers.delete(listener);
      if (followers.size === 0 && this.#followers.get(id) === followers) this.#followers.delete(id);
    };
  }

  /** A user took a step and is worked on further. */
  moved(user: User): void {
    for (const listener of this.#listeners) tell(listener, user);
    const followers = this.#followers.get(user.id);
    if (followers !== undefined) for (const follower of followers) tell(follower, user);
  }

  /** A user came to rest: it waits in a lane, or is due in so many ms (`null`: never). */
  rested(user: User, { dueInMs, lane }: Pick<Commit, "dueInMs" | "lane">): void {
    this.moved(user);
    const waiting = this.#waiting.get(user.id);
    if (waiting !== undefined) for (const wake of waiting) wake();
    const withinMs = lane !== null ? 0 : (dueInMs ?? Number.POSITIVE_INFINITY);
    this.#tell(withinMs, (sleeper) => sleeper.lanes || this.#clock.monotonic() + withinMs < sleeper.until);
  }

  /** There may be something to do now. */
  wakeWorkers(): void {
    this.#tell(0, () => true);
  }

  #tell(withinMs: number, whom: (sleeper: Sleeper) => boolean): void {
    this.#news++;
    if (withinMs < soonMs) this.#work++;
    for (const wake of this.#watching) wake();
    for (const sleeper of this.#sleepers) if (whom(sleeper)) sleeper.wake();
  }

  /** Resolves when user `id` comes to rest here, or after `ms`, or when `signal` aborts. Never rejects. */
  ofUser(id: string, ms: number, signal: AbortSignal): Promise<void> {
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting);
    return this.#until(waiting, ms, signal).finally(() => {
      if (waiting.size === 0) this.#waiting.delete(id);
    });
  }

  /** Resolves when there is news since `heard`, or after `ms`, or when `signal` aborts. Never rejects. */
  ofAnybody(heard: Heard, ms: number, signal: AbortSignal): Promise<void> {
    return this.#news === heard.news ? this.#until(this.#watching, ms, signal) : Promise.resolve();
  }

  /**
   * Resolves when there may be something to do that was not known at `heard`, or after `ms`, or when `signal` aborts.
   * `lanes`: users wait in lanes. Never rejects.
   */
  ofWork(heard: Heard, ms: number, lanes: boolean, signal: AbortSignal): Promise<void> {
    if (lanes ? this.#news !== heard.news : this.#work !== heard.work) return Promise.resolve();
    const wakes = new Set<() => void>();
    const until = this.#clock.monotonic() + ms;
    const sleeper: Sleeper = { wake: () => wakes.forEach((wake) => wake()), until, lanes };
    this.#sleepers.add(sleeper);
    return this.#until(wakes, ms, signal).finally(() => this.#sleepers.delete(sleeper));
  }

  #until(wakes: Set<() => void>, ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = (): void => {
        cancel();
        wakes.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const cancel = this.#clock.timer(ms, done);
      wakes.add(done);
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

/**
 * Tells an application's listener. What it throws is its own affair: the work goes on, and the error comes out where
 * nobody can overlook it, as an uncaught one.
 */
export function tell<T>(listener: (news: T) => void, news: T): void {
  try {
    listener(news);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
