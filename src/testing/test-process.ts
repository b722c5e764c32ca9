/**
 * A simulated process: everything that leaves it, to the store, to 1upHealth, to its timers, goes through here, so that
 * it can die at any instant. What it had committed stays; everything else is lost.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { sleep, type Clock } from "../clock.ts";
import { LifecycleError } from "../errors.ts";
import { among, check, invalid, whole, type Rules } from "../checks.ts";
import { callNames, type CallName } from "../sandbox/base/plan.ts";
import type { Committed, Store, StoreAdapter } from "../store/contract.ts";

/**
 * A visible step of a process: a call by its name, any call, or a write, which commits a record to the store.
 */
export type CrashStep = CallName | "call" | "write";

/**
 * An instant in a process's life, e.g. `{ before: "exchangeCode" }`: the request was never sent; `{ after: "write", nth: 2 }`:
 * the store has the record, but the process did not see the result. `nth` counts from now, from 1, which is the default.
 */
export type CrashPoint =
  | { readonly before: CrashStep; readonly after?: undefined; readonly nth?: number | undefined }
  | { readonly after: CrashStep; readonly before?: undefined; readonly nth?: number | undefined };

/** A step of a simulated process; `step`: of the application's own. */
export type Step = CrashStep | "step";

/** What happens to a process at a step: it is late, and perhaps it dies, or the step fails, before it was done or after. */
export interface Strike {
  readonly delayMs: number;
  /** `error`: what the caller gets; `null`: the process dies. */
  readonly end: { readonly when: "before" | "after"; readonly error: Error | null } | null;
}

/** A verb of a store, without its types. */
type Verb = (...args: unknown[]) => Promise<never>;

/** Every {@link CrashStep}. */
const aStep = among("call", "write", ...callNames);
const ofPoint: Rules<CrashPoint> = { before: aStep, after: aStep, nth: whole(1) };

/** @throws {LifecycleError} `INVALID_OPTION` for a point that can never be reached */
export function checkPoint(point: CrashPoint): CrashPoint {
  const { before, after } = check("crash", point, ofPoint, "the point");
  if ((before === undefined) !== (after === undefined)) return point;
  const got = before === undefined ? "neither" : "both";
  throw invalid("crash", "the point must have either before or after", got);
}

/** The point at which the process will die. */
interface Fate {
  readonly point: CrashPoint;
  readonly die: () => void;
  left: number;
}

/** Every so many operations of a process in a row, one waits. */
const mostAtOnce = 1_000;
/** Time between two operations, ms, from which on they are not in a row: a call takes less. */
const shortestRestMs = 1_000;

/**
 * The step of the application's own in which code runs: it takes real time, unless it turns out (`waits()`) to wait for
 * the clock of its process, which must go on.
 */
const stepOf = new AsyncLocalStorage<{ waits(): void }>();

/** Code that runs in a step waits for the clock from now on, or for a call that may. */
export function waitsInStep(): void {
  stepOf.getStore()?.waits();
}

/** The simulated process. */
export class TestProcess {
  readonly clock: Clock;
  readonly #cancels = new Set<() => void>();
  readonly #lastWords = new Set<() => void>();
  #fate: Fate | null = null;
  #isOver = false;
  /** Number of pending operations that take real time: those of the store, and steps. */
  #asking = 0;
  /** The store that it has open. */
  #open: Store | null = null;

  /** When the last operation took place, or will; how many there were since the last pause, and how long that took. */
  #lastAt = 0;
  #inARow = 0;
  #pauseMs = 1;

  readonly #strike: ((steps: readonly Step[]) => Strike) | null;

  /** @param strike what happens at a step, by chance */
  constructor(clock: Clock, strike: ((steps: readonly Step[]) => Strike) | null = null) {
    this.#strike = strike;
    this.clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      random: () => clock.random(),
      timer: (ms, task) => {
        if (this.#isOver) return () => {};
        waitsInStep();
        const cancel = clock.timer(ms, () => {
          this.#cancels.delete(cancel);
          task();
        });
        this.#cancels.add(cancel);
        return () => {
          this.#cancels.delete(cancel);
          cancel();
        };
      },
    };
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isAsking(): boolean {
    return this.#asking > 0;
  }

  /** Kills the process: no timer of it fires, no operation of it resolves. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#asking = 0;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    for (const say of this.#lastWords) say();
    this.#fate?.die();
  }

  /**
   * What a new call on the dead process gets. A test that killed it made a mistake, and sees an error. Where it died by chance,
   * the rest of its code, which no longer runs in a real process, gets nothing.
   */
  refuse(): Promise<never> {
    return this.#strike === null ? Promise.reject(gone()) : never();
  }

  /** Calls `say` when the process dies, unless the returned function was called before. */
  whenOver(say: () => void): () => void {
    this.#lastWords.add(say);
    return () => void this.#lastWords.delete(say);
  }

  /** Kills the process at `point`. `death` resolves then; `spare()` cancels it. */
  meet(point: CrashPoint): { readonly death: Promise<void>; readonly spare: () => void } {
    let die = (): void => {};
    const death = new Promise<void>((resolve) => (die = resolve));
    this.#fate = { point, die, left: point.nth ?? 1 };
    return { death, spare: () => void (this.#fate = null) };
  }

  /**
   * Performs a visible step. `names`: the step names it matches. `happened`: whether it took place, judged by its result. A
   * request without a response counts as sent.
   */
  async reach<T>(
    names: () => readonly Step[],
    action: () => Promise<T>,
    happened: (answer: T) => boolean = () => true,
  ): Promise<T> {
    if (this.#isOver) return never();
    const fate = this.#fate;
    const { before, after } = fate?.point ?? {};
    const isMet = fate !== null && names().some((name) => name === (before ?? after));
    if (isMet && before !== undefined) this.#come(fate);
    const strike = this.#strike?.(names()) ?? null;
    const delayMs = strike === null ? 0 : Math.max(strike.delayMs, this.#costMs());
    if (delayMs > 0) await sleep(this.clock, delayMs);
    if (strike?.end?.when === "before") this.#meet(strike.end);
    if (this.#isOver) return never();
    try {
      const answer = await action();
      if (strike?.end?.when === "after") this.#meet(strike.end);
      if (isMet && after !== undefined && happened(answer)) this.#come(fate);
      return this.#isOver ? await never() : answer;
    } catch (error) {
      if (isMet && after !== undefined) this.#come(fate);
      if (this.#isOver) return await never();
      throw error;
    }
  }

  /** Performs a step of the application's own. While it does real work, such as a query, the clock stands still. */
  step<T>(effect: () => T | Promise<T>): Promise<T> {
    return this.reach(
      () => ["step"],
      () => {
        const end = this.#begin();
        const done = stepOf.run({ waits: end }, async () => effect());
        return done.finally(end);
      },
    );
  }

  /**
   * What a further operation costs, ms. Nothing, unless code asks again and again without a pause: a real store would take its
   * time then, and without it the clock would stand still for ever. It costs more and more, so that a scenario that has no
   * end is soon found.
   */
  #costMs(): number {
    const now = this.clock.monotonic();
    if (now - this.#lastAt >= shortestRestMs) [this.#inARow, this.#pauseMs] = [0, 1];
    this.#lastAt = Math.max(this.#lastAt, now);
    if (++this.#inARow < mostAtOnce) return 0;
    this.#inARow = 0;
    this.#pauseMs *= 2;
    this.#lastAt = Math.max(this.#lastAt, now + this.#pauseMs);
    return this.#pauseMs;
  }

  /** The store, as this process uses it. */
  storeOf(adapter: StoreAdapter): StoreAdapter {
    const through =
      (steps: readonly Step[], happened?: (answer: never) => boolean) =>
      <T extends object, K extends keyof T>(of: T, ...verbs: readonly K[]): Pick<T, K> => {
        const reaching =
          (verb: K) =>
          (...args: unknown[]) =>
            this.reach<never>(
              () => steps,
              () => this.#answered((of[verb] as Verb).apply(of, args)), // a verb of a store
              happened,
            );
        return Object.fromEntries(verbs.map((verb) => [verb, reaching(verb)])) as Pick<T, K>; // the same verbs
      };
    const asks = through([]);
    const writes = through(["write"]);
    const commits = through(["write"], ({ type }: Committed) => type === "committed");
    return {
      ...adapter,
      timeoutMs: adapter.timeoutMs ?? Infinity, // a call of a dead process never ends
      open: async (options): Promise<Store> => {
        const store = await adapter.open(options);
        this.#open = store;
        const { slots, events, account } = store;
        return {
          ...asks(store, "load", "claim", "grant", "page", "counts", "tally"),
          ...commits(store, "commit", "move"),
          ...writes(store, "erase"),
          slots: asks(slots, "take", "settle", "giveBack", "forecast"),
          ...(store.join && writes(store, "join")),
          ...(events && {
            events: { ...asks(events, "read", "under", "trim"), ...writes(events, "forget", "replace") },
          }),
          ...(store.probe && asks(store, "probe")),
          account: {
            ...asks(account, "load"),
            ...through(["write"], (isWritten: boolean) => isWritten)(account, "commit"),
          },
          ...asks({ close: () => this.release() }, "close"),
        };
      },
    };
  }

  /** Closes the open store; after a crash, the system would have closed it. */
  async release(): Promise<void> {
    const store = this.#open;
    this.#open = null;
    await store?.close();
  }

  #meet({ error }: NonNullable<Strike["end"]>): void {
    if (error !== null) throw error;
    this.end();
  }

  /** Counts down to the point, unless it was cancelled; at the point the process dies. */
  #come(fate: Fate): void {
    if (fate === this.#fate && --fate.left === 0) this.end();
  }

  /** Counts an operation until it is settled. */
  async #answered<T>(answer: Promise<T>): Promise<T> {
    const end = this.#begin();
    try {
      return await answer;
    } finally {
      end();
    }
  }

  /** Begins an operation. The returned function ends it, once. */
  #begin(): () => void {
    let isUnderWay = true;
    this.#asking++;
    return () => {
      if (isUnderWay && !this.#isOver) this.#asking--;
      isUnderWay = false;
    };
  }
}

/** What pending operations of a dead process return. */
export function never(): Promise<never> {
  return new Promise(() => {});
}

/** The error of new calls on a process that a test has killed. */
export function gone(): LifecycleError {
  return new LifecycleError(
    "CLOSED",
    "Cannot continue: the process of this lifecycle has crashed; restart() returns the next one",
  );
}
