/**
 * Runs scripts: within a time limit, again where that is safe, and with errors of ours.
 *
 * @module
 */
import { setMaxListeners } from "node:events";
import { sleep } from "../../src/clock.ts";
import type { Clock } from "../../src/clock.ts";
import { LifecycleError } from "../../src/errors.ts";
import { isAnswer, openError, Silence, storeError, whyOf } from "./failures.ts";
import type { Link } from "./links.ts";
import type { Script } from "./scripts.ts";

/** What a script answers: Lua's tables, texts, whole numbers; `false` comes as `null`. */
export type Reply = null | string | number | readonly Reply[];

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
      await this.#limited(async (signal) => {
        setMaxListeners(scripts.length + 2, signal); // for the commands that wait at once
        await this.#link.connect(signal);
        const load = (script: Script): Promise<unknown> =>
          this.#link.send(key, ["SCRIPT", "LOAD", script.text], signal);
        await Promise.all([this.#refuseEviction(key, signal), ...scripts.map(load)]);
        await this.#link.send(key, ["EVALSHA", probe.sha, String(keys.length), ...keys], signal);
      });
    } catch (error) {
      this.#link.close();
      throw openError(this.#link, error);
    }
  }

  /** A server that evicts keys would forget users. */
  async #refuseEviction(key: string, signal: AbortSignal): Promise<void> {
    let memory: unknown;
    try {
      memory = await this.#link.send(key, ["INFO", "memory"], signal);
    } catch (error) {
      if (whyOf(error) !== "NOPERM") throw error; // a user who may not look: then nobody can tell
    }
    const policy = /^maxmemory_policy:(\S+)/m.exec(String(memory))?.[1] ?? "noeviction";
    if (policy === "noeviction") return;
    throw new LifecycleError(
      "STORE_UNUSABLE",
      "Cannot open the Redis store: maxmemory-policy must be noeviction, or Redis would forget users " +
        `(CONFIG SET maxmemory-policy noeviction, or a setting of your provider), not ${policy}`,
    );
  }

  /** Runs a script; `keys[0]` says on which server. @throws {LifecycleError} */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<Reply> {
    return this.#answered(script.doing, (signal) => this.#ofScript(script, keys, args, signal));
  }

  /** Runs a command that makes no difference when it runs twice, on the server that has `key`. @throws {LifecycleError} */
  command(doing: Script["doing"], key: string, command: readonly string[]): Promise<Reply> {
    return this.#answered(doing, (signal) => this.#untilAnswered(key, command, true, signal));
  }

  async #answered(doing: Script["doing"], question: (signal: AbortSignal) => Promise<Reply>): Promise<Reply> {
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
    signal: AbortSignal,
  ): Promise<Reply> {
    const key = keys[0] ?? "";
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await this.#untilAnswered(key, ["EVALSHA", script.sha, ...rest], script.repeatable, signal);
    } catch (error) {
      if (whyOf(error) !== "NOSCRIPT") throw error;
      // The server was restarted.
      return this.#untilAnswered(key, ["EVAL", script.text, ...rest], script.repeatable, signal);
    }
  }

  async #untilAnswered(
    key: string,
    command: readonly string[],
    repeatable: boolean,
    signal: AbortSignal,
  ): Promise<Reply> {
    for (let pauseMs = 10; ; pauseMs = Math.min(2 * pauseMs, 250)) {
      try {
        const reply = await this.#link.send(key, command, signal);
        this.#lastAnswer = this.#clock.monotonic();
        return reply as Reply; // what a command can answer
      } catch (error) {
        const why = whyOf(error);
        if (isAnswer(why)) this.#lastAnswer = this.#clock.monotonic();
        if (why !== "offline" && !(why === "lost" && repeatable)) throw error;
      }
      await sleep(this.#clock, pauseMs, signal);
    }
  }

  /** Rejects with {@link Silence} when the time is over. */
  #limited<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController();
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.timer(this.#timeoutMs, () => {
        reject(new Silence(this.#timeoutMs));
        limit.abort();
      });
      task(limit.signal).then(resolve, reject).finally(cancel);
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
