/**
 * Combines the requests of one turn of the event loop into one call of one script, so they share its round trip, its
 * time limit, its setup cost in Redis and its sync to disk. Requests that arrive while a call is in flight are
 * collected for the next one, so batches grow with the load on Redis.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { systemClock, type Clock } from "../../src/clock.ts";
import { isLifecycleError } from "../../src/errors.ts";
import type { Reply } from "./connection.ts";

/** Maximum batch size: Redis handles no other command until the script has finished. */
const most = 64;

/** Requests do not wait longer than this for a call in flight, ms. */
const longestWaitMs = 5;

interface Waiting<Ask, T = unknown> {
  readonly ask: Ask;
  readonly read: (reply: Reply) => T;
  readonly resolve: (answer: T) => void;
  readonly reject: (error: unknown) => void;
}

/** Batches the requests of one kind. `send` resolves with one reply per request, in the same order. */
export class Batches<Ask> {
  readonly #clock: Clock;
  readonly #send: (asks: readonly Ask[]) => Promise<readonly Reply[]>;
  #waiting: Waiting<Ask>[] = [];
  #underWay = 0;
  #giveUpWaiting = (): void => {};

  constructor(send: (asks: readonly Ask[]) => Promise<readonly Reply[]>, clock: Clock = systemClock) {
    this.#send = send;
    this.#clock = clock;
  }

  /** Resolves with what `read` returns for the reply to the request that `make` returns, or rejects with what they throw. */
  ask<T>(make: () => Ask, read: (reply: Reply) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting<Ask, T> = { ask: make(), read, resolve, reject };
      if (this.#waiting.push(waiting as Waiting<Ask>) > 1) return;
      if (this.#underWay === 0) setImmediate(() => this.leave());
      else this.#giveUpWaiting = this.#clock.timer(longestWaitMs, () => this.leave());
    });
  }

  /** Sends all waiting requests. */
  leave(): void {
    this.#giveUpWaiting();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let first = 0; first < waiting.length; first += most) {
      this.#underWay++;
      void this.#together(waiting.slice(first, first + most)).finally(() => {
        if (--this.#underWay === 0) this.leave();
      });
    }
  }

  /** Never rejects. */
  async #together(batch: readonly Waiting<Ask>[]): Promise<void> {
    try {
      const replies = await this.#send(batch.map(({ ask }) => ask));
      for (const [n, waiting] of batch.entries()) take(waiting, replies[n] ?? null);
    } catch (error) {
      // A permanent refusal may concern only one request, so each is sent again on its own. Those already carried out
      // are recognised by their writeId.
      const own = batch.length > 1 && isLifecycleError(error, "STORE_UNAVAILABLE") && !error.retryable;
      if (own) await Promise.all(batch.map((each) => this.#together([each])));
      else for (const { reject } of batch) reject(error);
    }
  }
}

function take<Ask>({ read, resolve, reject }: Waiting<Ask>, reply: Reply): void {
  try {
    resolve(read(reply));
  } catch (error) {
    reject(error);
  }
}
