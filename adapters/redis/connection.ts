/**
 * Runs scripts: within a time limit, again where that is safe, and with errors of ours.
 *
 * @module
 */
import { setMaxListeners } from "node:events";
import { sleep } from "../../src/clock.ts";
import type { Clock } from "../../src/clock.ts";
import { LifecycleError } from "../../src/errors.ts";
import { isAnswer, isSoonOver, openError, Silence, storeError, whyOf } from "./failures.ts";
import type { Link } from "./links.ts";
import type { Script } from "./scripts.ts";

/** What a script answers: Lua's tables, texts, whole numbers; `false` comes as `null`. */
export type Reply = null | string | number | readonly Reply[];

/** The time that one call has. */
interface Limit {
  /** Aborts when it is over. */
  readonly signal: AbortSignal;
  /** What Redis answered last, if that may pass before the time is over. */
  refusal: unknown;
}

/** The connection of one store. */
export class Connection {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #lastAnswer = -Infinity;
  #underWay = 0;
  #idle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(link: Link, clock: Clock, timeoutMs: number) {
    this.#link = link;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Connects, looks at the server, loads the scripts and runs `probe` with `keys`, which finds out whether this user
   * may and whether the keys lie on this server.
   *
   * @throws {LifecycleError} `STORE_UNAVAILABLE` or `STORE_UNUSABLE`
   */
  async open(scripts: readonly Script[], probe: Script, keys: readonly string[]): Promise<void> {
    const [key = ""] = keys;
    try {
      await this.#limited(async (limit) => {
        setMaxListeners(2 * scripts.length + 2, limit.signal); // for the commands that wait at once
        await this.#link.connect(limit.signal);
        const asked = (...command: readonly string[]): Promise<Reply> =>
          this.#untilAnswered(key, command, true, limit);
        const loads = scripts.map(({ text }) => asked("SCRIPT", "LOAD", text));
        await Promise.all([refuseEviction(asked("INFO", "memory")), ...loads]);
        await this.#ofScript(probe, keys, [], limit); // should the server have been restarted just now
      });
    } catch (error) {
      this.#link.close();
      throw openError(this.#link, error);
    }
  }

  /** Runs a script; `keys[0]` says on which server. @throws {LifecycleError} */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<Reply> {
    return this.#answered(script.doing, (limit) => this.#ofScript(script, keys, args, limit));
  }

  /** Runs a command that makes no difference when it runs twice, on the server that has `key`. @throws {LifecycleError} */
  command(doing: Script["doing"], key: string, command: readonly string[]): Promise<Reply> {
    return this.#answered(doing, (limit) => this.#untilAnswered(key, command, true, limit));
  }

  async #answered(doing: Script["doing"], question: (limit: Limit) => Promise<Reply>): Promise<Reply> {
    if (this.#closing !== undefined) {
      throw new LifecycleError("CLOSED", "Cannot use the Redis store: it was closed");
    }
    const began = this.#clock.monotonic();
    this.#underWay++;
    try {
      return await this.#limited(question);
    } catch (error) {
      // A connection that was cut without a word never fails by itself; a server that was replaced has a new address.
      const silent = error instanceof Silence && this.#lastAnswer < began;
      if (silent || whyOf(error) === "READONLY") this.#link.renew();
      throw storeError(doing, this.#link, error);
    } finally {
      if (--this.#underWay === 0) this.#idle?.();
    }
  }

  async #ofScript(
    script: Script,
    keys: readonly string[],
    args: readonly string[],
    limit: Limit,
  ): Promise<Reply> {
    const key = keys[0] ?? "";
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await this.#untilAnswered(key, ["EVALSHA", script.sha, ...rest], script.repeatable, limit);
    } catch (error) {
      if (whyOf(error) !== "NOSCRIPT") throw error;
      // The server was restarted.
      return this.#untilAnswered(key, ["EVAL", script.text, ...rest], script.repeatable, limit);
    }
  }

  async #untilAnswered(
    key: string,
    command: readonly string[],
    repeatable: boolean,
    limit: Limit,
  ): Promise<Reply> {
    for (let pauseMs = 10; ; pauseMs = Math.min(2 * pauseMs, 250)) {
      try {
        const reply = await this.#link.send(key, command, limit.signal);
        this.#lastAnswer = this.#clock.monotonic();
        return reply as Reply; // what a command can answer
      } catch (error) {
        const why = whyOf(error);
        if (isAnswer(why)) this.#lastAnswer = this.#clock.monotonic();
        const again = why === "offline" || isSoonOver(why) || (why === "lost" && repeatable);
        if (!again) throw error;
        if (isSoonOver(why)) limit.refusal = error;
      }
      await sleep(this.#clock, pauseMs, limit.signal);
    }
  }

  /** Rejects when the time is over: with the last refusal, or with {@link Silence}. */
  #limited<T>(task: (limit: Limit) => Promise<T>): Promise<T> {
    const end = new AbortController();
    const limit: Limit = { signal: end.signal, refusal: undefined };
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.timer(this.#timeoutMs, () => {
        reject(limit.refusal ?? new Silence(this.#timeoutMs));
        end.abort();
      });
      task(limit).then(resolve, reject).finally(cancel);
    });
  }

  /** Waits for what is under way, which has its time limit. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    this.#link.close();
  }
}

/** A server that evicts keys would forget users. */
async function refuseEviction(asked: Promise<Reply>): Promise<void> {
  let memory: Reply;
  try {
    memory = await asked;
  } catch (error) {
    if (whyOf(error) !== "NOPERM") throw error;
    return; // a user who may not look: then nobody can tell
  }
  const policy = /^maxmemory_policy:(\S+)/m.exec(String(memory))?.[1] ?? "noeviction";
  if (policy === "noeviction") return;
  throw new LifecycleError(
    "STORE_UNUSABLE",
    "Cannot open the Redis store: maxmemory-policy must be noeviction, or Redis would forget users " +
      `(CONFIG SET maxmemory-policy noeviction, or a setting of your provider), not ${policy}`,
  );
}
