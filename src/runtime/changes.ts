/**
 * News of users within this process.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { User } from "./user.ts";

/** Who wants to hear of what. */
export class Changes {
  readonly #clock: Clock;
  readonly #listeners = new Set<(user: User) => void>();
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #idle = new Set<() => void>();
  /** Grows with every piece of news for workers. */
  news = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `listener` after every step that this process has made durable, until the returned function is called. */
  subscribe(listener: (user: User) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A user took a step and is worked on further. */
  moved(user: User): void {
    for (const listener of this.#listeners) tell(listener, user);
  }

  /** A user came to rest. */
  rested(user: User): void {
    this.moved(user);
    const waiting = this.#waiting.get(user.id);
    if (waiting !== undefined) for (const wake of waiting) wake();
    this.wakeWorkers();
  }

  /** There may be something to do. */
  wakeWorkers(): void {
    this.news++;
    for (const wake of this.#idle) wake();
  }

  /** Resolves when user `id` comes to rest here, or after `ms`, or when `signal` aborts. Never rejects. */
  ofUser(id: string, ms: number, signal: AbortSignal): Promise<void> {
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting);
    return this.#until(waiting, ms, signal).finally(() => {
      if (waiting.size === 0) this.#waiting.delete(id);
    });
  }

  /** Resolves when there is {@link news} since `seen`, or after `ms`, or when `signal` aborts. Never rejects. */
  ofAnybody(seen: number, ms: number, signal: AbortSignal): Promise<void> {
    return this.news === seen ? this.#until(this.#idle, ms, signal) : Promise.resolve();
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
