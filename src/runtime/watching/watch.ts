/**
 * Follows one user: steps of this process, and what it learns of the account's gates and pauses, as they happen; steps
 * of other processes by polling the store.
 *
 * @module
 */
import { leavable, linkSignals } from "../../abort.ts";
import { sleep } from "../../clock.ts";
import type { Engine } from "../engine/engine.ts";
import { retryWrite } from "../engine/retry-write.ts";
import { lookForUser, unknownUser } from "../engine/load-user.ts";
import type { UserStatus } from "../user/user-status.ts";
import type { User } from "../user/user.ts";
import { statusOf } from "../engine/user-errors.ts";

/** A watch notices within this time that the users were moved to another store, ms. */
const movedMs = 10_000;

/** The parameters of {@link follow}. */
export interface Following {
  /** The longest time between two reads of the store, ms. */
  readonly pollMs: number;
  readonly signal: AbortSignal;
  /** `expected`: the user may not exist yet, because its onboarding is about to begin. */
  readonly user: "known" | "expected";
}

/**
 * Calls `onStatus` with the user's status, and again after every change. Waits while the store is unavailable.
 *
 * @throws the signal's reason; {@link LifecycleError} `USER_UNKNOWN` unless the user is expected; `RENAMED`,
 * `STORE_MOVED`, `RECORD_TOO_NEW`, `RECORD_DAMAGED`
 */
export async function follow(
  engine: Engine,
  id: string,
  { pollMs, signal, user: kind }: Following,
  onStatus: (status: UserStatus) => void,
): Promise<never> {
  let newest: User | null = null;
  let last = "";
  let steps = 0; // of this process
  let doubt = linkSignals(signal); // aborts once a look is to tell
  const isNewer = ({ revision }: User): boolean => revision >= (newest?.revision ?? 0);
  const report = (user: User | null): void => {
    if (signal.aborted || user === null) return;
    newest = user;
    const status = statusOf(engine, user);
    const text = JSON.stringify(status);
    if (text === last) return;
    last = text;
    onStatus(status);
  };
  const leaveUser = engine.changes.follow(id, (user) => {
    steps++;
    if (isNewer(user)) report(user);
    else doubt.abort(); // a look was faster; or the id has passed to another person, whose revisions are others
  });
  const leaveAccount = engine.changes.followAccount(() => report(newest));
  try {
    for (;;) {
      doubt.release();
      doubt = linkSignals(signal);
      const before = steps;
      const { user } = await retryWrite(engine, signal, "read a user", () => lookForUser(engine, id));
      if (user === null && kind === "known" && !engine.running.has(id)) throw unknownUser(engine, id);
      const isOvertaken = steps > before && user !== null && !isNewer(user);
      if (!isOvertaken) report(user);
      for (let left = pollMs; left > 0 && !doubt.signal.aborted; left -= movedMs / 2) {
        const ms = Math.min(left, movedMs / 2);
        await retryWrite(engine, signal, "read the account", () => engine.refuseMoved(movedMs - ms));
        await sleep(engine.clock, ms, doubt.signal).catch(() => signal.throwIfAborted());
      }
    }
  } finally {
    doubt.release();
    leaveUser();
    leaveAccount();
  }
}

/** Statuses buffered for a slow reader; beyond that the oldest is dropped. */
const kept = 64;

/**
 * The statuses of {@link follow} as a sequence. It ends when the reader leaves, `signal` aborts or the lifecycle
 * closes, and throws as `follow` does. A sequence that is not read holds no resources.
 */
export function watch(
  engine: Engine,
  id: string,
  how: Pick<Following, "pollMs"> & { readonly signal: AbortSignal | undefined },
): AsyncGenerator<UserStatus, void, undefined> {
  return leavable((left) => statuses(engine, id, how, left));
}

async function* statuses(
  engine: Engine,
  id: string,
  { pollMs, signal }: Parameters<typeof watch>[2],
  left: AbortSignal,
): AsyncGenerator<UserStatus, void, undefined> {
  const over = linkSignals(signal, engine.closing, left);
  const unread: UserStatus[] = [];
  let wake = (): void => {};
  const how: Following = { pollMs, signal: over.signal, user: "known" };
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
    if (signal?.aborted !== true && !engine.closing.aborted) throw error;
  } finally {
    over.abort();
    await following.catch(() => {}); // the reader has received the error, or has left
  }
}
