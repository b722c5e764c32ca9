/**
 * One process of a test: all that reaches out of it, to the store, to 1upHealth, to its timers, goes through here, so
 * that it can end at any instant. What it had committed stays; everything else is lost, and nobody hears of it.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { LifecycleError } from "../errors.ts";
import { number, oneOf, only } from "../runtime/checks.ts";
import { callNames } from "../sandbox/plan.ts";
import type { CallName } from "../sandbox/plan.ts";
import type { Store, StoreAdapter } from "../store/contract.ts";

/**
 * What a process does that others see: a call by its name, any call, or a write: a record that is committed to the store.
 */
export type CrashStep = CallName | "call" | "write";

/**
 * An instant in a process's life, e.g. `{ before: "exchangeCode" }`: the request was never sent; `{ after: "write", nth: 2 }`:
 * it is in the store, and nobody heard so. `nth` counts from now, from 1, which is the default.
 */
export type CrashPoint =
  | { readonly before: CrashStep; readonly after?: undefined; readonly nth?: number | undefined }
  | { readonly after: CrashStep; readonly before?: undefined; readonly nth?: number | undefined };

/** Every {@link CrashStep}. */
const steps: readonly CrashStep[] = ["call", "write", ...callNames];

/** @throws {LifecycleError} `INVALID_OPTION` for what will never come */
export function checkPoint(point: CrashPoint): CrashPoint {
  const given = only("crash", "the point", point, { before: true, after: true, nth: true });
  const { before, after, nth = 1 } = given;
  if ((before === undefined) === (after === undefined)) {
    const both = before !== undefined;
    throw new LifecycleError(
      "INVALID_OPTION",
      `Cannot crash: the point must have one of before and after, got ${both ? "both" : "neither"}`,
    );
  }
  oneOf("crash", before === undefined ? "after" : "before", (before ?? after) as CrashStep, steps); // one is there
  number("crash", "nth", nth, 1, Number.MAX_SAFE_INTEGER, true);
  return point;
}

/** A point that will come. */
interface Fate {
  readonly point: CrashPoint;
  readonly die: () => void;
  left: number;
}

/** See the module. */
export class Life {
  readonly clock: Clock;
  readonly #cancels = new Set<() => void>();
  readonly #lastWords = new Set<() => void>();
  #fate: Fate | null = null;
  #isOver = false;
  /** Questions to the store that it has not answered. */
  #asking = 0;
  /** What it has opened and not closed. */
  #open: Store | null = null;

  constructor(clock: Clock) {
    this.clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      random: () => clock.random(),
      timer: (ms, task) => {
        if (this.#isOver) return () => {};
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

  /** Ends it: no timer of it fires, no question of it is answered. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#asking = 0;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    for (const say of this.#lastWords) say();
    this.#fate?.die();
  }

  /** Calls `say` when it ends, unless the returned function was called before. */
  whenOver(say: () => void): () => void {
    this.#lastWords.add(say);
    return () => void this.#lastWords.delete(say);
  }

  /** Lets it end at `point`. Resolves then; the returned function takes the fate back. */
  meet(point: CrashPoint): { readonly death: Promise<void>; readonly spare: () => void } {
    let die = (): void => {};
    const death = new Promise<void>((resolve) => (die = resolve));
    this.#fate = { point, die, left: point.nth ?? 1 };
    return { death, spare: () => void (this.#fate = null) };
  }

  /** Does what others see. `names`: by which steps it is known. */
  async reach<T>(names: () => readonly CrashStep[], action: () => Promise<T>): Promise<T> {
    if (this.#isOver) return never();
    const fate = this.#fatal(names);
    if (fate?.point.before !== undefined) {
      this.end();
      return never();
    }
    try {
      const answer = await action();
      if (fate !== null) this.end();
      return this.#isOver ? await never() : answer;
    } catch (error) {
      if (fate !== null) this.end(); // it was sent, and its answer is lost in any case
      if (this.#isOver) return await never();
      throw error;
    }
  }

  /** The store, as this process reaches it. */
  storeOf(adapter: StoreAdapter): StoreAdapter {
    const ask =
      <A extends readonly unknown[], T>(verb: (...args: A) => Promise<T>, steps: readonly CrashStep[] = []) =>
      (...args: A): Promise<T> =>
        this.reach(
          () => steps,
          () => this.#answered(verb(...args)),
        );
    const write: readonly CrashStep[] = ["write"];
    return {
      ...adapter,
      open: async (options): Promise<Store> => {
        const store = await adapter.open(options);
        this.#open = store;
        const { slots, account } = store;
        return {
          load: ask((id) => store.load(id)),
          commit: ask((commit) => store.commit(commit), write),
          claim: ask((question) => store.claim(question)),
          grant: ask((question) => store.grant(question)),
          slots: {
            take: ask((request) => slots.take(request)),
            settle: ask((slot) => slots.settle(slot)),
            giveBack: ask((slot) => slots.giveBack(slot)),
            forecast: ask((question) => slots.forecast(question)),
          },
          move: ask((move) => store.move(move), write),
          page: ask((question) => store.page(question)),
          counts: ask(() => store.counts()),
          account: {
            load: ask(() => account.load()),
            commit: ask((change) => account.commit(change), write),
          },
          close: ask(() => this.release()),
        };
      },
    };
  }

  /** Closes the store that it has open: of a process that crashed, what the system would have closed. */
  async release(): Promise<void> {
    const store = this.#open;
    this.#open = null;
    await store?.close();
  }

  /** The fate that comes with a step of these names. */
  #fatal(names: () => readonly CrashStep[]): Fate | null {
    const fate = this.#fate;
    if (fate === null) return null;
    const { before, after } = fate.point;
    const isMet = names().some((name) => name === (before ?? after));
    return isMet && --fate.left === 0 ? fate : null;
  }

  /** Counts the question until it is answered. */
  async #answered<T>(answer: Promise<T>): Promise<T> {
    this.#asking++;
    try {
      return await answer;
    } finally {
      if (!this.#isOver) this.#asking--;
    }
  }
}

/** What a process that is gone gets to hear. */
export function never(): Promise<never> {
  return new Promise(() => {});
}

/** What whoever asks a process that is gone is told. */
export function gone(): LifecycleError {
  return new LifecycleError(
    "CLOSED",
    "Cannot go on: the process of this lifecycle has crashed; restart() gives the next one",
  );
}
