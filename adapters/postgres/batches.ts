/**
 * Group commit: requests that arrive while statements are in flight are combined into the next one, and share its sync,
 * its locks and its round trip.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { sleep, systemClock } from "../../src/clock.ts";
import type { Connection, Verb } from "./connection.ts";
import { isOfData, RowHeld, Silence } from "./failures.ts";

/** A verb that handles many requests in one statement. */
export interface Grouped<Ask, Answer> {
  readonly verb: Verb;
  /** Ids of a request. Requests that share an id are never in the same batch. @default it has none */
  ids?(ask: Ask): readonly string[];
  /** The parameters of the statement. */
  values(asks: readonly Ask[]): unknown[];
  /** One answer per request, in the same order; `undefined`: it is to be sent again, as a row that it needs is locked. */
  answers(reply: unknown, asks: readonly Ask[]): readonly (Answer | undefined)[];
  /** Maximum number of requests per statement. */
  readonly most: number;
  /** Maximum number of statements in flight. */
  readonly flights: number;
}

interface Waiting<Ask, Answer> {
  readonly ask: Ask;
  readonly until: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
  /** The caller no longer waits for the answer. */
  over: boolean;
  /** How long to wait before it is sent again, ms; 0: no row that it needs was locked. */
  pauseMs: number;
}

/** Batches the requests of one verb. The returned function asks for one. */
export function batches<Ask, Answer>(
  connection: Connection,
  { verb, ids = () => [], values, answers, most, flights }: Grouped<Ask, Answer>,
): (ask: Ask) => Promise<Answer> {
  let queue: Waiting<Ask, Answer>[] = [];
  let flying = 0;
  let isBoarding = false;
  /** Ids in flight: another request for one of them would find its row locked. */
  const aloft = new Set<string>();

  /** Sends the next batch at the end of this turn, with all requests that arrive until then. */
  function board(): void {
    if (isBoarding || queue.length === 0 || flying >= flights) return;
    isBoarding = true;
    setImmediate(() => {
      isBoarding = false;
      const batch = next();
      if (batch.length === 0) return;
      const own = batch.flatMap(({ ask }) => ids(ask));
      for (const id of own) aloft.add(id);
      flying++;
      void fly(batch).finally(() => {
        flying--;
        for (const id of own) aloft.delete(id);
        board();
      });
      board();
    });
  }

  /** Removes the next batch from the queue. */
  function next(): readonly Waiting<Ask, Answer>[] {
    const batch: Waiting<Ask, Answer>[] = [];
    const known = new Set(aloft);
    const left: Waiting<Ask, Answer>[] = [];
    for (const waiting of queue) {
      if (waiting.over) continue;
      const own = ids(waiting.ask);
      if (batch.length < most && !own.some((id) => known.has(id))) {
        batch.push(waiting);
        for (const id of own) known.add(id);
      } else left.push(waiting);
    }
    queue = left;
    return batch;
  }

  /** Sends a batch and settles its requests; never rejects. */
  async function fly(batch: readonly Waiting<Ask, Answer>[]): Promise<void> {
    const until = batch.reduce((latest, each) => Math.max(latest, each.until), 0);
    let aboard = batch;
    const valuesAboard = (): unknown[] => {
      aboard = batch.filter(({ over }) => !over);
      return values(aboard.map(({ ask }) => ask));
    };
    try {
      const reply = await connection.run(verb, valuesAboard, until);
      const asked = aboard.map(({ ask }) => ask);
      const all = answers(reply, asked);
      for (const [n, waiting] of aboard.entries()) {
        const answer = all[n];
        if (answer === undefined) void sendAgain(waiting);
        else waiting.resolve(answer);
      }
    } catch (error) {
      if (batch.length > 1 && isOfData(error)) for (const each of batch) await fly([each]);
      else for (const { reject } of batch) reject(error);
    }
  }

  /** Puts it into the queue again after a pause; the caller's time limit ends that. */
  async function sendAgain(waiting: Waiting<Ask, Answer>): Promise<void> {
    waiting.pauseMs = Math.min(2 * waiting.pauseMs + 5, 250);
    await sleep(systemClock, waiting.pauseMs); // the lock is one of the server, whatever clock the store has
    queue.push(waiting);
    board();
  }

  return (ask) => {
    const { clock, timeoutMs } = connection;
    return connection.during(
      verb.doing,
      (until) =>
        new Promise<Answer>((resolve, reject) => {
          const waiting: Waiting<Ask, Answer> = {
            ask,
            until,
            over: false,
            pauseMs: 0,
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
            reject(waiting.pauseMs > 0 ? new RowHeld(timeoutMs) : new Silence(timeoutMs));
          });
          queue.push(waiting);
          board();
        }),
    );
  };
}
