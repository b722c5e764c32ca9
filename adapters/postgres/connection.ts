/**
 * Runs statements with a time limit, retries them where that is safe, and maps errors.
 *
 * @module
 */
import { inTime, sleep, type Clock } from "../../src/clock.ts";
import { LifecycleError } from "../../src/errors.ts";
import { isLost, isUsable, leftNothing, NotSent, Silence, storeError, unsureAt } from "./failures.ts";
import type { Link, PostgresClient } from "./links.ts";

/** A verb of the store, or another statement that returns one text. */
export interface Verb {
  readonly text: string;
  /** For error messages. */
  readonly doing: "read" | "write to";
  /** Whether the statement is idempotent, so that it may be sent again when its answer was lost. */
  readonly repeatable: boolean;
  /** Whether its answer begins with the server's time. */
  readonly isTimed?: boolean;
}

/** Verbs that call a function of the schema `s`, as PostgreSQL quotes it. */
export function calling(s: string): (doing: Verb["doing"], repeatable: boolean, call: string) => Verb {
  return (doing, repeatable, call) => ({ text: `SELECT ${s}.${call} AS answer`, doing, repeatable });
}

/** How often the server is asked whether it still carries out a statement, ms. */
const askAgainMs = 1_000;

/** The connections of one store. */
export class Connection {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Is told the server's time, and when the request that brought it left, on the monotonic clock. */
  heardTime: (at: number, sentAt: number) => void = () => {};
  readonly #link: Link;
  /** Why the last statement failed that got no answer; `undefined`: it was answered. */
  #failure: unknown;
  /** Connections whose statement the server may still carry out. */
  #kept = 0;
  #underWay = 0;
  #idle: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #end: () => void = () => {};
  readonly #ended = new Promise<void>((resolve) => (this.#end = resolve));

  constructor(link: Link, clock: Clock, timeoutMs: number) {
    this.#link = link;
    this.clock = clock;
    this.timeoutMs = timeoutMs;
  }

  /** The server, for error messages. */
  get place(): string {
    return this.#link.place;
  }

  /** Runs the verb within the time limit. @throws {LifecycleError} */
  ask(verb: Verb, values: unknown[]): Promise<unknown> {
    return this.during(verb.doing, (until) => this.run(verb, () => values, until));
  }

  /** As {@link within}; an error of `task` becomes that of a failed verb. @throws {LifecycleError} */
  during<T>(doing: Verb["doing"], task: (until: number) => Promise<T>): Promise<T> {
    return this.within((error) => storeError(doing, this.place, error, this.#failure), task);
  }

  /**
   * Counts `task` as pending and passes it its deadline on the monotonic clock.
   *
   * @param failed maps an error of `task`
   * @throws {LifecycleError}
   */
  async within<T>(
    failed: (error: unknown) => LifecycleError,
    task: (until: number) => Promise<T>,
  ): Promise<T> {
    if (this.#closing !== undefined) {
      throw new LifecycleError("CLOSED", "Cannot use the PostgreSQL store: it was closed");
    }
    this.#underWay++;
    try {
      return await task(this.clock.monotonic() + this.timeoutMs);
    } catch (error) {
      throw failed(error);
    } finally {
      if (--this.#underWay === 0) this.#idle?.();
    }
  }

  /**
   * Sends the verb, and again where that is safe, until it is answered or `until` has passed. `values` is called for
   * every attempt. Resolves with the parsed JSON answer.
   */
  async run(verb: Verb, values: () => unknown[], until: number): Promise<unknown> {
    for (let pauseMs = 10; ; pauseMs = Math.min(2 * pauseMs, 250)) {
      let failure: unknown;
      let sentAt = 0;
      try {
        if (verb.doing === "write to") await this.#fewKept(until);
        const ask = async (client: PostgresClient): Promise<readonly unknown[]> => {
          sentAt = this.clock.monotonic();
          // Without a limit the server would go on waiting for a lock after the caller has given up.
          const lockMs = Math.max(1, Math.floor(0.9 * (until - sentAt)));
          const text = verb.text.replace(
            /^SELECT /,
            `SELECT set_config('lock_timeout', '${lockMs}', true), `,
          );
          return (await client.query({ text, values: values() })).rows;
        };
        const [row] = await this.lend(until, ask, true);
        this.#failure = undefined;
        // Every verb returns a column named answer, and some return whether there are users to take in.
        const { answer, joins } = row as { readonly answer: string | null; readonly joins?: boolean };
        const parsed: unknown = answer === null ? null : JSON.parse(answer);
        if (verb.isTimed === true) this.heardTime((parsed as readonly [number, ...unknown[]])[0], sentAt);
        return joins === undefined ? parsed : { answer: parsed, joins };
      } catch (error) {
        if (!(error instanceof Silence))
          this.#failure = error instanceof NotSent || isLost(error) ? error : undefined;
        const at = unsureAt(error);
        if (at !== undefined) {
          this.heardTime(at, sentAt);
          continue; // with values that contain it
        }
        if (error instanceof Silence || !(leftNothing(error) || (verb.repeatable && isLost(error))))
          throw error;
        failure = error;
      }
      const left = until - this.clock.monotonic();
      if (left <= pauseMs) throw new Silence(this.timeoutMs, failure);
      await sleep(this.clock, pauseMs);
    }
  }

  /**
   * Lends a connection to `task` until the deadline. The connection is destroyed if `task` is late or has left it
   * unusable.
   *
   * @param isStatement `task` is one statement: if it is late, the connection is kept until the server has ended it
   */
  async lend<T>(
    until: number,
    task: (client: PostgresClient) => Promise<T>,
    isStatement = false,
  ): Promise<T> {
    const client = await this.#connected(until);
    const began = this.clock.monotonic();
    const doing = task(client);
    try {
      const done = await this.#before(until, () => doing);
      client.release();
      return done;
    } catch (error) {
      // What rested at least as long leads the same way.
      if (error instanceof Silence) this.#link.retire(this.clock.monotonic() - began);
      if (isStatement && error instanceof Silence) void this.#keep(client, doing);
      else client.release(!isUsable(error));
      throw error;
    }
  }

  /**
   * Keeps the place of a connection in the pool while the server carries out its statement, such as a COMMIT that waits
   * for a replica. A new one in its place would be one more for the server, each time that the call is repeated.
   */
  async #keep(client: PostgresClient, statement: Promise<unknown>): Promise<void> {
    this.#kept++;
    let isOver = false;
    const over = Promise.race([statement.catch(() => {}), this.#ended]).then(() => (isOver = true));
    while (!isOver && (await this.#link.isRunning(client))) {
      await Promise.race([over, sleep(this.clock, askAgainMs)]);
    }
    this.#kept--;
    client.release(true);
  }

  /** Waits while the server carries out several statements that were not answered: reads need connections, too. */
  async #fewKept(until: number): Promise<void> {
    while (this.#kept >= this.#link.mostKept) {
      if (this.clock.monotonic() > until)
        throw new Silence(this.timeoutMs, new Error("the server still carries out earlier statements"));
      await sleep(this.clock, askAgainMs / 20);
    }
  }

  /** Resolves with a connection. Nothing has been sent before that. */
  async #connected(until: number): Promise<PostgresClient> {
    let late = false;
    const connecting = this.#link.connect().then(
      (client) => {
        if (late) client.release();
        return client;
      },
      (cause: unknown) => {
        throw cause instanceof LifecycleError ? cause : new NotSent(cause);
      },
    );
    connecting.catch(() => {}); // it may reject after the caller has stopped waiting
    try {
      return await this.#before(until, () => connecting);
    } catch (error) {
      late = error instanceof Silence;
      throw error;
    }
  }

  #before<T>(until: number, task: () => Promise<T>): Promise<T> {
    const left = Math.max(0, until - this.clock.monotonic());
    return inTime(this.clock, left, task, () => new Silence(this.timeoutMs));
  }

  /** Waits for pending calls, which all have a time limit. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    this.#end();
    // On a silently cut connection the closing handshake would never complete.
    await this.#before(this.clock.monotonic() + this.timeoutMs, () => this.#link.close()).catch(() => {});
  }
}
