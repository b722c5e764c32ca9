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
import type { Committed, Store, StoreAdapter } from "../store/contract.ts";

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

  /**
   * Does what others see. `names`: by which steps it is known. `happened`: has it come to that, by its answer? What was
   * sent and not answered counts.
   */
  async reach<T>(
    names: () => readonly CrashStep[],
    action: () => Promise<T>,
    happened: (answer: T) => boolean = () => true,
  ): Promise<T> {
    if (this.#isOver) return never();
    const fate = this.#fate;
    const { before, after } = fate?.point ?? {};
    const isMet = fate !== null && names().some((name) => name === (before ?? after));
    if (isMet && before !== undefined) this.#come(fate);
    if (this.#isOver) return never();
    try {
      const answer = await action();
      if (isMet && after !== undefined && happened(answer)) this.#come(fate);
      return this.#isOver ? await never() : answer;
    } catch (error) {
      if (isMet && after !== undefined) this.#come(fate);
      if (this.#isOver) return await never();
      throw error;
    }
  }

  /** The store, as this process reaches it. */
  storeOf(adapter: StoreAdapter): StoreAdapter {
    const ask =
      <A extends readonly unknown[], T>(verb: (...args: A) => Promise<T>) =>
      (...args: A): Promise<T> =>
        this.reach(
          () => [],
          () => this.#answered(verb(...args)),
        );
    const write =
      <A, T>(verb: (asked: A) => Promise<T>, isWritten: (answer: T) => boolean) =>
      (asked: A): Promise<T> =>
        this.reach(
          () => ["write"],
          () => this.#answered(verb(asked)),
          isWritten,
        );
    const isCommitted = ({ type }: Committed): boolean => type === "committed";
    return {
      ...adapter,
      open: async (options): Promise<Store> => {
        const store = await adapter.open(options);
        this.#open = store;
        const { slots, account } = store;
        return {
          load: ask((id) => store.load(id)),
          commit: write((commit) => store.commit(commit), isCommitted),
          claim: ask((question) => store.claim(question)),
          grant: ask((question) => store.grant(question)),
          slots: {
            take: ask((request) => slots.take(request)),
            settle: ask((slot) => slots.settle(slot)),
            giveBack: ask((slot) => slots.giveBack(slot)),
            forecast: ask((question) => slots.forecast(question)),
          },
          move: write((move) => store.move(move), isCommitted),
          page: ask((question) => store.page(question)),
          counts: ask(() => store.counts()),
          account: {
            load: ask(() => account.load()),
            commit: write(
              (change) => account.commit(change),
              (isWritten) => isWritten,
            ),
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

  /** One step nearer to the point, unless the fate was taken back; at the point it ends. */
  #come(fate: Fate): void {
    if (fate === this.#fate && --fate.left === 0) this.end();
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
