/**
 * Group commit: requests that arrive while statements are in flight are combined into the next one, and share its sync,
 * its locks and its round trip.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Connection, Verb } from "./connection.ts";
import { isOfData, Silence, storeError } from "./failures.ts";

/** Batching limits. */
export interface Measures {
  /** Maximum number of requests per statement. */
  readonly most: number;
  /** Maximum number of statements in flight. */
  readonly flights: number;
}

/** A verb that handles many requests in one statement. */
export interface Grouped<Ask, Answer> {
  readonly verb: Verb;
  /** Ids of a request. Requests that share an id are never in the same batch. */
  ids(ask: Ask): readonly string[];
  /** The parameters of the statement. */
  values(asks: readonly Ask[]): unknown[];
  /** One answer per request, in the same order. */
  answers(reply: unknown, asks: readonly Ask[]): readonly Answer[];
}

interface Waiting<Ask, Answer> {
  readonly ask: Ask;
  readonly until: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
  /** The caller no longer waits for the answer. */
  over: boolean;
}

/** Batches the requests of one verb. */
export class Batches<Ask, Answer> {
  readonly #connection: Connection;
  readonly #grouped: Grouped<Ask, Answer>;
  readonly #measures: Measures;
  #queue: Waiting<Ask, Answer>[] = [];
  #flights = 0;
  #boarding = false;

  constructor(connection: Connection, grouped: Grouped<Ask, Answer>, measures: Measures) {
    this.#connection = connection;
    this.#grouped = grouped;
    this.#measures = measures;
  }

  /** @throws {LifecycleError} */
  ask(ask: Ask): Promise<Answer> {
    const { clock, timeoutMs, place } = this.#connection;
    return this.#connection.within(
      (error) => storeError(this.#grouped.verb.doing, place, error),
      (until) =>
        new Promise<Answer>((resolve, reject) => {
          const waiting: Waiting<Ask, Answer> = {
            ask,
            until,
            over: false,
            resolve(answer) {
              cancel();
              resolve(answer);
            },
            reject(error) {
              cancel();
              reject(error);
            },
          };
          const cancel = clock.timer(timeoutMs, () => {
            waiting.over = true;
            reject(new Silence(timeoutMs));
          });
          this.#queue.push(waiting);
          this.#board();
        }),
    );
  }

  /** Sends the next batch at the end of this turn, with all requests that arrive until then. */
  #board(): void {
    if (this.#boarding || this.#queue.length === 0 || this.#flights >= this.#measures.flights) return;
    this.#boarding = true;
    setImmediate(() => {
      this.#boarding = false;
      const batch = this.#next();
      if (batch.length === 0) return;
      this.#flights++;
      void this.#fly(batch).finally(() => {
        this.#flights--;
        this.#board();
      });
      this.#board();
    });
  }

  /** Removes the next batch from the queue. */
  #next(): readonly Waiting<Ask, Answer>[] {
    const batch: Waiting<Ask, Answer>[] = [];
    const ids = new Set<string>();
    const left: Waiting<Ask, Answer>[] = [];
    for (const waiting of this.#queue) {
      if (waiting.over) continue;
      const own = this.#grouped.ids(waiting.ask);
      if (batch.length < this.#measures.most && !own.some((id) => ids.has(id))) {
        batch.push(waiting);
        for (const id of own) ids.add(id);
      } else left.push(waiting);
    }
    this.#queue = left;
    return batch;
  }

  /** Sends a batch and settles its requests; never rejects. */
  async #fly(batch: readonly Waiting<Ask, Answer>[]): Promise<void> {
    const { verb, values, answers } = this.#grouped;
    const until = batch.reduce((latest, each) => Math.max(latest, each.until), 0);
    let aboard = batch;
    const board = (): unknown[] => {
      aboard = batch.filter(({ over }) => !over);
      return values(aboard.map(({ ask }) => ask));
    };
    try {
      const reply = await this.#connection.run(verb, board, until);
      const all = answers(
        reply,
        aboard.map(({ ask }) => ask),
      );
      for (const [n, { resolve }] of aboard.entries()) {
        const answer = all[n];
        if (answer !== undefined) resolve(answer);
      }
    } catch (error) {
      if (batch.length > 1 && isOfData(error)) for (const each of batch) await this.#fly([each]);
      else for (const { reject } of batch) reject(error);
    }
  }
}
