/**
 * What is asked in one turn of the event loop leaves together, as one call of one script: its way, its time limit and its
 * preparation in Redis are shared.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { isLifecycleError } from "../../src/errors.ts";
import type { Reply } from "./connection.ts";

/** How many travel together: Redis does nothing else until the last of them is done. */
const most = 64;

interface Waiting<Ask> {
  readonly ask: Ask;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

/** Asks of one kind, which `send` sends: it resolves with a reply for each, in their order. */
export class Batches<Ask> {
  readonly #send: (asks: readonly Ask[]) => Promise<readonly Reply[]>;
  #waiting: Waiting<Ask>[] = [];

  constructor(send: (asks: readonly Ask[]) => Promise<readonly Reply[]>) {
    this.#send = send;
  }

  /** Resolves with the reply to this one. */
  ask(ask: Ask): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ ask, resolve, reject }) === 1) setImmediate(() => this.leave());
    });
  }

  /** Lets those leave that wait. */
  leave(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let first = 0; first < waiting.length; first += most) {
      void this.#together(waiting.slice(first, first + most));
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
