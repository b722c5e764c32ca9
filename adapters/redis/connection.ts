/**
 * Runs scripts with a time limit, retries them where that is safe, and maps errors.
 *
 * @module
 */
import { setMaxListeners } from "node:events";
import { sleep, type Clock } from "../../src/clock.ts";
import { isLifecycleError, LifecycleError, storeUnusable } from "../../src/errors.ts";
import { isAnswer, isSoonOver, openError, Silence, storeError, whyOf } from "./failures.ts";
import type { Link } from "./link.ts";
import type { Script } from "./script.ts";

/** A reply of a script: Lua tables, strings and integers; `false` arrives as `null`. */
export type Reply = null | string | number | readonly Reply[];

/** The parts of a reply; none if it is not a table. */
export function list(reply: Reply | undefined): readonly Reply[] {
  return typeof reply === "object" && reply !== null ? reply : [];
}

/** The time limit of one call. */
interface Limit {
  /** Aborts when the time is up. */
  readonly signal: AbortSignal;
  /** The latest refusal from Redis that may pass before the time is up. */
  refusal: unknown;
}

/** How often the server is asked whether it has come to evict keys, ms. */
const evictionCheckMs = 60_000;

/** The connection of one store. */
export class Connection {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #lastAnswer = -Infinity;
  /** What the link reported as its failure when Redis last answered: it is over. */
  #overcome: unknown;
  /** When the server was last asked whether it evicts keys, and the refusal while it does. */
  #evictionCheckedAt = -Infinity;
  #eviction: LifecycleError | undefined;
  #underWay = 0;
  #idle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(link: Link, clock: Clock, timeoutMs: number) {
    this.#link = link;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Connects, checks the server, loads the scripts and runs `probe` with `keys`, which verifies the user's permissions
   * and that the keys are on this server.
   *
   * @throws {LifecycleError} `STORE_UNAVAILABLE` or `STORE_UNUSABLE`
   */
  async open(scripts: readonly Script[], probe: Script, keys: readonly string[]): Promise<void> {
    const [key = ""] = keys;
    try {
      await this.#limited(async (limit) => {
        setMaxListeners(2 * scripts.length + 2, limit.signal); // for the concurrent commands
        await this.#link.connect(limit.signal);
        const asked = (...command: readonly string[]): Promise<Reply> =>
          this.#untilAnswered(key, command, true, limit);
        const loads = scripts.map(({ text }) => asked("SCRIPT", "LOAD", text));
        await Promise.all([refuseEviction("open", asked("INFO", "memory")), ...loads]);
        await this.#ofScript(probe, keys, [], limit); // handles a server that was just restarted
        this.#evictionCheckedAt = this.#clock.monotonic();
      });
    } catch (error) {
      this.#link.close();
      throw openError(this.#link, error);
    }
  }

  /**
   * Runs a script on the server that owns `keys[0]`. `sinceMs`: how much of the time limit has passed.
   *
   * @throws {LifecycleError}
   */
  run(script: Script, keys: readonly string[], args: readonly string[], sinceMs = 0): Promise<Reply> {
    if (this.#clock.monotonic() - this.#evictionCheckedAt >= evictionCheckMs)
      this.#refuseEviction(keys[0] ?? "").catch(() => {}); // for the next ones
    return this.#eviction === undefined
      ? this.#run(script, keys, args, sinceMs)
      : Promise.reject(this.#eviction);
  }

  #run(script: Script, keys: readonly string[], args: readonly string[], sinceMs = 0): Promise<Reply> {
    return this.#answered(script.doing, (limit) => this.#ofScript(script, keys, args, limit), sinceMs);
  }

  /** Runs an idempotent command on the server that owns `key`. @throws {LifecycleError} */
  command(doing: Script["doing"], key: string, command: readonly string[]): Promise<Reply> {
    return this.#answered(doing, (limit) => this.#untilAnswered(key, command, true, limit));
  }

  async #answered(
    doing: Script["doing"],
    question: (limit: Limit) => Promise<Reply>,
    sinceMs = 0,
  ): Promise<Reply> {
    if (this.#closing !== undefined) {
      throw new LifecycleError("CLOSED", "Cannot use the Redis store: it was closed");
    }
    const began = this.#clock.monotonic();
    this.#underWay++;
    try {
      return await this.#limited(question, sinceMs);
    } catch (error) {
      // A silently cut connection never fails by itself, and a replaced server has a new address.
      const silent = error instanceof Silence && this.#lastAnswer < began;
      if (silent || whyOf(error) === "READONLY") this.#link.renew();
      const failure = this.#link.failure();
      throw storeError(doing, this.#link, error, failure === this.#overcome ? undefined : failure);
    } finally {
      if (--this.#underWay === 0) this.#idle?.();
    }
  }

  /** Fails while the server evicts keys, and so do all scripts from then on: it loses users without a word. */
  async #refuseEviction(key: string): Promise<void> {
    this.#evictionCheckedAt = this.#clock.monotonic();
    try {
      await refuseEviction("go on with", this.command("read", key, ["INFO", "memory"]));
      this.#eviction = undefined;
    } catch (error) {
      if (isLifecycleError(error, "STORE_UNUSABLE")) this.#eviction = error;
      throw error;
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
      // The server was restarted and has lost its scripts.
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
        this.#overcome = this.#link.failure();
        return reply as Reply; // all types that a command can return
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

  /** Rejects when the time is up, with the last refusal or with {@link Silence}. */
  #limited<T>(task: (limit: Limit) => Promise<T>, sinceMs = 0): Promise<T> {
    const end = new AbortController();
    const limit: Limit = { signal: end.signal, refusal: undefined };
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.timer(Math.max(0, this.#timeoutMs - sinceMs), () => {
        reject(limit.refusal ?? new Silence(this.#timeoutMs));
        end.abort();
      });
      task(limit).then(
        (answer) => {
          cancel();
          return resolve(answer);
        },
        (error: unknown) => {
          cancel();
          reject(error);
        },
      );
    });
  }

  /**
   * Runs a script that fails whenever a write would fail, and fails if the server has come to evict keys.
   *
   * @throws {LifecycleError}
   */
  async probe(script: Script, keys: readonly string[]): Promise<void> {
    await Promise.all([this.#run(script, keys, []), this.#refuseEviction(keys[0] ?? "")]);
  }

  /** Waits for pending calls, which all have a time limit. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    this.#link.close();
  }
}

/** Refuses a server that evicts keys, because it would lose users. */
async function refuseEviction(doing: string, asked: Promise<Reply>): Promise<void> {
  let memory: Reply;
  try {
    memory = await asked;
  } catch (error) {
    const lacksRight = isLifecycleError(error) && error.facts["reason"] === "noRight";
    if (!lacksRight && whyOf(error) !== "NOPERM") throw error;
    return; // the user lacks the right to read it, so it cannot be checked
  }
  const policy = /^maxmemory_policy:(\S+)/m.exec(String(memory))?.[1] ?? "noeviction";
  if (policy === "noeviction") return;
  throw storeUnusable(
    `Cannot ${doing} the Redis store: maxmemory-policy must be noeviction, or Redis would evict users ` +
      `(CONFIG SET maxmemory-policy noeviction, or a setting of your provider), not ${policy}`,
    { facts: { reason: "whileOpen" } },
  );
}
