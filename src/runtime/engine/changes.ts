/**
 * Notifications about users within this process.
 *
 * @module
 */
import { onAbort } from "../../abort.ts";
import type { Clock } from "../../clock.ts";
import type { Commit } from "../../store/contract.ts";
import { callListener } from "../options/call-listener.ts";
import type { Logger } from "../options/logger.ts";
import type { User } from "../user/user.ts";

/** A sleeping worker. */
interface Sleeper {
  readonly wake: () => void;
  /** When it polls by itself, on `clock.monotonic()`. */
  readonly until: number;
  /** Users wait in lanes: one that becomes idle may free a slot for them. */
  readonly lanes: boolean;
}

/** The counters that a worker read before it asked the store. */
export interface ChangeCounters {
  readonly news: number;
  readonly work: number;
}

/** Work due later than this does not wake a worker, which polls more often than that, ms. */
const soonMs = 3_600_000;

/** The subscribers and sleepers of this process. */
export class Changes {
  readonly #clock: Clock;
  readonly #call: (listener: (user: User) => void, user: User) => void;
  readonly #listeners = new Set<(user: User) => void>();
  readonly #followers = new Map<string, Set<(user: User) => void>>();
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #watching = new Set<() => void>();
  readonly #ofAccount = new Set<() => void>();
  readonly #sleepers = new Set<Sleeper>();
  #news = 0;
  #work = 0;

  constructor(clock: Clock, logger: Pick<Logger, "warn">) {
    this.#clock = clock;
    this.#call = (listener, user) => callListener(logger, "subscribe()", listener, user);
  }

  /** The counters so far. */
  get latest(): ChangeCounters {
    return { news: this.#news, work: this.#work };
  }

  /** Calls `listener` after every step that this process has made durable, until the returned function is called. */
  subscribe(listener: (user: User) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The same for the steps of user `id` alone, without cost for those of others. */
  follow(id: string, listener: (user: User) => void): () => void {
    const followers = this.#followers.get(id) ?? new Set();
    this.#followers.set(id, followers.add(listener));
    return () => {
      followers.delete(listener);
      if (followers.size === 0 && this.#followers.get(id) === followers) this.#followers.delete(id);
    };
  }

  /** A user took a step and keeps running. */
  tookStep(user: User): void {
    for (const listener of this.#listeners) this.#call(listener, user);
    const followers = this.#followers.get(user.id);
    if (followers !== undefined) for (const follower of followers) this.#call(follower, user);
  }

  /** A user became idle: it waits in a lane, or is due in `dueInMs` (`null`: never). */
  becameIdle(user: User, { dueInMs, lane }: Pick<Commit, "dueInMs" | "lane">): void {
    this.tookStep(user);
    const waiting = this.#waiting.get(user.id);
    if (waiting !== undefined) for (const wake of waiting) wake();
    const withinMs = lane !== null ? 0 : (dueInMs ?? Number.POSITIVE_INFINITY);
    this.#notify(withinMs, (sleeper) => sleeper.lanes || this.#clock.monotonic() + withinMs < sleeper.until);
  }

  /** Calls `listener` when a gate or a pause of the account has changed, until the returned function is called. */
  followAccount(listener: () => void): () => void {
    this.#ofAccount.add(listener);
    return () => void this.#ofAccount.delete(listener);
  }

  /** A gate or a pause of the account has changed, and so may the status of any user. */
  accountChanged(): void {
    this.wakeWorkers();
    for (const listener of this.#ofAccount) listener();
  }

  /** There may be work now. */
  wakeWorkers(): void {
    this.#notify(0, () => true);
  }

  #notify(withinMs: number, isAffected: (sleeper: Sleeper) => boolean): void {
    this.#news++;
    if (withinMs < soonMs) this.#work++;
    for (const wake of this.#watching) wake();
    for (const sleeper of this.#sleepers) if (isAffected(sleeper)) sleeper.wake();
  }

  /** Resolves when user `id` becomes idle in this process, or after `ms`, or when `signal` aborts. Never rejects. */
  ofUser(id: string, ms: number, signal: AbortSignal): Promise<void> {
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting);
    return this.#until(waiting, ms, signal).finally(() => {
      if (waiting.size === 0) this.#waiting.delete(id);
    });
  }

  /** Resolves when any user has changed since `since`, or after `ms`, or when `signal` aborts. Never rejects. */
  ofAnyUser(since: ChangeCounters, ms: number, signal: AbortSignal): Promise<void> {
    return this.#news === since.news ? this.#until(this.#watching, ms, signal) : Promise.resolve();
  }

  /**
   * Resolves when there may be work that was not known at `since`, or after `ms`, or when `signal` aborts. `lanes`:
   * users wait in lanes. Never rejects.
   */
  ofWork(since: ChangeCounters, ms: number, lanes: boolean, signal: AbortSignal): Promise<void> {
    if (lanes ? this.#news !== since.news : this.#work !== since.work) return Promise.resolve();
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
        unsubscribe();
        resolve();
      };
      const cancel = this.#clock.timer(ms, done);
      wakes.add(done);
      const unsubscribe = onAbort(signal, done);
    });
  }
}
