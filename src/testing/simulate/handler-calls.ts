/**
 * What the handler of a simulated process has begun: calls of its lifecycle, steps, timers. It must await its calls and
 * steps: a real process that ends, or answers, does not wait for the others either.
 *
 * @module
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../../clock.ts";

/** What is under way. */
interface Begun {
  readonly name: string;
  /** It may go on when the handler has ended: a worker, a subscription, a timer. */
  readonly mayStay: boolean;
}

/** A promise that knows whether its result reaches anyone. */
class Followed<T> extends Promise<T> {
  isHeard = false;

  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- it is a promise
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.isHeard = true;
    return super.then(onFulfilled, onRejected);
  }
}

export class HandlerCalls {
  /** Rejects when a call or a step has failed that the handler does not await. */
  readonly forgotten: Promise<never>;
  readonly #fail: (reason: Error) => void;
  readonly #begun = new Set<Begun>();
  /** Those that have failed, and were not awaited until then. */
  readonly #unheard = new Map<Followed<unknown>, Error>();

  constructor() {
    let fail = (_: Error): void => {};
    this.forgotten = new Promise((_, reject) => (fail = reject));
    this.forgotten.catch(() => {}); // it is for the handler that runs
    this.#fail = fail;
  }

  /** Whether the handler waits for none of these. */
  get isIdle(): boolean {
    return this.#begun.size === 0;
  }

  /** What the handler waits for. */
  get names(): readonly string[] {
    return [...this.#begun].flatMap(({ name, mayStay }) => (mayStay ? [] : [name]));
  }

  /** The call, followed until it is settled. */
  follow<T>(name: string, call: Promise<T>, mayStay: boolean): Promise<T> {
    const end = this.#begin({ name, mayStay });
    const rejected = (cause: unknown): void => {
      end();
      if (followed.isHeard) return;
      const message = `The handler did not await its ${name}, which failed: ${String(cause)}`;
      this.#unheard.set(followed, new Error(message, { cause }));
      void turn().then(() => this.#unheard.has(followed) && this.#complain());
    };
    call.then(end, rejected); // before the handler goes on
    const followed = new Followed<T>((resolve, reject) => void call.then(resolve, reject));
    void Promise.prototype.then.call(followed, undefined, () => {}); // reported above
    return followed;
  }

  /** The clock of the handler. */
  clockOf(clock: Clock): Clock {
    return {
      ...clock,
      timer: (ms, task) => {
        const end = this.#begin({ name: "timer", mayStay: true });
        const cancel = clock.timer(ms, () => {
          end();
          task();
        });
        return () => {
          end();
          cancel();
        };
      },
    };
  }

  /** The handler has ended. @throws {Error} if it did not await what it had begun */
  end(): void {
    const error = this.#failed();
    if (error !== undefined) throw error;
    for (const { name, mayStay } of this.#begun)
      if (!mayStay) throw new Error(`The handler ended before its ${name} did: await it`);
  }

  #begin(begun: Begun): () => void {
    this.#begun.add(begun);
    return () => void this.#begun.delete(begun);
  }

  #complain(): void {
    const error = this.#failed();
    if (error !== undefined) this.#fail(error);
  }

  /** Why the first that failed is none that the handler awaits. */
  #failed(): Error | undefined {
    for (const [followed, error] of this.#unheard) if (!followed.isHeard) return error;
    return undefined;
  }
}
