/**
 * Watches one user, whoever works on it: the steps of this process as they happen, those of others by looking.
 *
 * @module
 */
import { sleep } from "../clock.ts";
import type { Engine } from "./engine.ts";
import { insist } from "./insist.ts";
import { lookFor, unknown } from "./load.ts";
import type { UserStatus } from "./status.ts";
import type { User } from "./user.ts";
import { statusOf } from "./verdict.ts";

/** How to watch. */
export interface Following {
  /** How long to wait at most between two looks at the store, ms. */
  readonly lookMs: number;
  readonly signal: AbortSignal;
  /** `expected`: the user may not be here yet; somebody is about to begin with it. */
  readonly user: "known" | "expected";
}

/**
 * Calls `see` with where the user stands, and again whenever that has changed. A store that is away is waited for.
 *
 * @throws the signal's reason; {@link LifecycleError} `USER_UNKNOWN` unless the user is expected; `RENAMED`,
 * `RECORD_TOO_NEW`, `RECORD_DAMAGED`
 */
export async function follow(
  engine: Engine,
  id: string,
  { lookMs, signal, user: kind }: Following,
  see: (status: UserStatus) => void,
): Promise<never> {
  let newest = 0;
  let last = "";
  const tell = (user: User): void => {
    if (signal.aborted || user.revision < newest) return; // a look that was overtaken by a step
    newest = user.revision;
    const status = statusOf(engine, user);
    const text = JSON.stringify(status);
    if (text === last) return;
    last = text;
    see(status);
  };
  const leave = engine.changes.follow(id, tell);
  try {
    for (;;) {
      const { user } = await insist(engine, signal, "look at a user", () => lookFor(engine, id));
      if (user !== null) tell(user);
      else if (kind === "known" && !engine.driving.has(id)) throw unknown(engine, id);
      await sleep(engine.clock, lookMs, signal);
    }
  } finally {
    leave();
  }
}

/** Statuses that are kept for a reader who is slower than the user; then the oldest is left out. */
const kept = 64;

/** What {@link follow} sees, as a sequence. It ends when the reader leaves or `signal` aborts, or throws as `follow`. */
export async function* watch(
  engine: Engine,
  id: string,
  { lookMs, signal }: Pick<Following, "lookMs" | "signal">,
): AsyncGenerator<UserStatus, void, undefined> {
  const over = new AbortController();
  const unread: UserStatus[] = [];
  let wake = (): void => {};
  const how: Following = { lookMs, signal: AbortSignal.any([signal, over.signal]), user: "known" };
  const following = follow(engine, id, how, (status) => {
    if (unread.push(status) > kept) unread.shift();
    wake();
  });
  following.catch(() => {
    over.abort();
    wake();
  });
  try {
    for (;;) {
      const status = unread.shift();
      if (status !== undefined) yield status;
      else if (over.signal.aborted) return await following; // throws
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    over.abort();
    await following.catch(() => {}); // the reader has heard of it, or has left
  }
}
