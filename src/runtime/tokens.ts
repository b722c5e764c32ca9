/**
 * Access tokens on demand: from memory, else from the store, else from 1upHealth. However many ask, in however many
 * processes, one refresh goes out: whoever gets the user's lease sends it, the others wait and read its result.
 *
 * @module
 */
import { isPurging } from "../../machines/index.ts";
import { inWords, LifecycleError } from "../errors.ts";
import type { Secret } from "../secret.ts";
import { arrive, firstLookMs, longestLookMs, tell } from "./arrive.ts";
import type { Patience } from "./arrive.ts";
import { drive } from "./drive.ts";
import type { Engine } from "./engine.ts";
import { load } from "./load.ts";
import { checkId } from "./checks.ts";
import { awake, isUsable, refreshAt } from "./status.ts";
import type { User } from "./user.ts";
import { barrierOf, notUsable } from "./verdict.ts";

/** See {@link createTokens}. */
export interface Tokens {
  /** A token that works now. */
  get(id: string, patience: () => Patience): Promise<string>;
  /** 1upHealth answered 401 to `token`: another one that works. */
  rejected(id: string, token: string, patience: Patience): Promise<string>;
  /** Forgets what is in memory of a user. */
  forget(id: string): void;
}

interface Cached {
  readonly token: Secret;
  /** Until then nothing needs to be done, ms since 1970. */
  readonly renewAt: number;
}

/** A user's token is given up on a 401 at most this often, ms. */
const forcedRefreshMs = 60_000;

/** The access tokens of one lifecycle. */
export function createTokens(engine: Engine): Tokens {
  const { clock, settings } = engine;
  const cache = new Map<string, Cached>();
  const asking = new Map<string, Promise<string | null>>();
  /** How often a token was forgotten: whoever read the store before that keeps nothing. */
  let forgotten = 0;

  function forget(id: string): void {
    forgotten++;
    cache.delete(id);
  }

  // Whoever is let go here, by whatever part of this process, is let go in memory as well.
  engine.changes.subscribe(({ id, position }) => {
    if (position.state === "offboarded" || isPurging(position.state)) forget(id);
  });

  /**
   * Hands the token out, and keeps it in memory, dropping the oldest beyond the bound, unless one was forgotten since
   * `asOf`, when the user had not been read yet.
   */
  function handOut(user: User, asOf: number): string {
    const token = user.secrets.accessToken;
    if (token === undefined || !isUsable(user, clock.now())) throw notUsable(engine, user);
    cache.delete(user.id);
    if (settings.cachedTokens > 0 && asOf === forgotten) {
      for (const oldest of cache.keys()) {
        if (cache.size < settings.cachedTokens) break;
        cache.delete(oldest);
      }
      cache.set(user.id, { token, renewAt: refreshAt(user, settings.windowMs) });
    }
    return token.reveal();
  }

  /** A token without waiting for a call, or `null`: then whoever asks waits, each with a patience of its own. */
  async function fromStore(id: string): Promise<string | null> {
    const asOf = forgotten;
    const { user, record } = await load(engine, checkId(id));
    const now = clock.now();
    if (!isUsable(user, now)) return null;
    const next = awake(user, settings.windowMs, now);
    const busy = record.lease !== null && record.lease.leftMs > 0;
    const waits = user.pause !== null && (record.dueInMs ?? 0) > 0;
    if (next.position.state === "expiring" && !busy && !waits && barrierOf(engine, next) === null) {
      drive(engine, next).catch((error: unknown) => {
        settings.logger.warn(
          `Cannot refresh user ${engine.sealer.alias(id)} ahead of time: ${inWords(error)}`,
        );
      });
    }
    return handOut(user, asOf);
  }

  /** A token, once there is one. */
  async function arrived(id: string, patience: Patience): Promise<string> {
    const asOf = forgotten;
    return handOut(await arrive(engine, id, patience), asOf);
  }

  /** One question to the store a user, however many ask at once. */
  function ask(id: string): Promise<string | null> {
    const under = asking.get(id);
    if (under !== undefined) return under;
    const answer = fromStore(id).finally(() => asking.delete(id));
    asking.set(id, answer);
    return answer;
  }

  /** The user, once nobody works on it or it has another token: a renewal under way may be what ended `token`. */
  async function untouched(id: string, token: string, { until, signal }: Patience): Promise<User> {
    for (let look = firstLookMs; ; look = Math.min(longestLookMs, 2 * look)) {
      const { user, record } = await load(engine, id);
      const left = until - clock.monotonic();
      const leasedMs = record.lease?.leftMs ?? 0;
      const busy = leasedMs > 0 || engine.driving.has(id);
      if (!busy || left <= 0 || !has(user, token)) return user;
      await engine.changes.ofUser(id, Math.min(left, look), signal);
      signal.throwIfAborted();
    }
  }

  /** Can the user be used only with `token`? */
  function has(user: User, token: string): boolean {
    return isUsable(user, clock.now()) && user.secrets.accessToken?.reveal() === token;
  }

  /** Is it the user's token that 1upHealth has refused, and not one that it got since, from whomever? */
  function isRefused(user: User, token: string): boolean {
    if (!has(user, token)) return false;
    const { grantedAt } = user.position.context;
    const age = grantedAt === null ? forcedRefreshMs : clock.now() - grantedAt;
    if (age < 0 || age >= forcedRefreshMs) return true;
    throw new LifecycleError(
      "USER_NOT_READY",
      `Cannot use the token of user ${engine.sealer.alias(user.id)}: 1upHealth refuses it although it was granted less than a minute ago`,
      { retryable: true, retryAfterMs: forcedRefreshMs },
    );
  }

  return {
    async get(id, patience) {
      const hit = cache.get(id);
      if (hit !== undefined && clock.now() < hit.renewAt) return hit.token.reveal();
      const own = patience();
      own.signal.throwIfAborted();
      return (await ask(id)) ?? arrived(id, own);
    },

    async rejected(id, token, patience) {
      cache.delete(id);
      const isMeant = (user: User): boolean => isRefused(user, token);
      if (isMeant(await untouched(id, token, patience))) {
        await tell(engine, id, { type: "TOKEN_REJECTED", at: clock.now() }, patience, { isMeant });
      }
      return arrived(id, patience);
    },

    forget,
  };
}
