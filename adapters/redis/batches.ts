/**
 * What is asked in one turn of the event loop leaves together, as one call of one script: its way, its time limit, its
 * preparation in Redis and its sync to disk are shared. What is asked while a call is under way gathers for the next one,
 * so the busier Redis is, the more travel together.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { systemClock } from "../../src/clock.ts";
import type { Clock } from "../../src/clock.ts";
import { isLifecycleError } from "../../src/errors.ts";
import type { Reply } from "./connection.ts";

/** How many travel together: Redis does nothing else until the last of them is done. */
const most = 64;

/** A call that takes longer holds nobody back who comes after it, ms. */
const longestWaitMs = 5;

interface Waiting<Ask> {
  readonly ask: Ask;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

/** Asks of one kind, which `send` sends: it resolves with a reply for each, in their order. */
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

  /** Resolves with the reply to this one. */
  ask(ask: Ask): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ ask, resolve, reject }) > 1) return;
      if (this.#underWay === 0) setImmediate(() => this.leave());
      else this.#giveUpWaiting = this.#clock.timer(longestWaitMs, () => this.leave());
    });
  }

  /** Lets those leave that wait. */
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
      for (const [n, { resolve }] of batch.entries()) resolve(replies[n] ?? null);
    } catch (error) {
      // A lasting refusal may be meant for one of them: each hears its own. What was done already is known by its name.
      const own = batch.length > 1 && isLifecycleError(error, "STORE_UNAVAILABLE") && !error.retryable;
      if (own) await Promise.all(batch.map((each) => this.#together([each])));
      else for (const { reject } of batch) reject(error);
    }
  }
}
