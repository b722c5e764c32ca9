/**
 * Reads 1upHealth's own list of users and marks the import's users that are in it. A user known to exist there costs
 * one call; one that turns out to exist costs two. So each user found saves a call, and each page costs one.
 *
 * @module
 */
import { sleep } from "../../clock.ts";
import { inWords, isLifecycleError } from "../../errors.ts";
import type { RemoteUser } from "../../http/user-management.ts";
import { checkId } from "../options/checks.ts";
import { noteComparison, readComparison } from "./comparison.ts";
import type { Comparison } from "./comparison.ts";
import type { Engine } from "../engine/engine.ts";
import { retryWrite } from "../engine/retry-write.ts";
import { findUser } from "../engine/load-user.ts";
import { askForPage } from "../operations/remote.ts";
import { samePlace, saveIdle } from "../engine/save-user.ts";
import { leftOf } from "../user/index-key.ts";
import { stepped } from "../user/user.ts";
import type { User } from "../user/user.ts";

/** Users per page. */
const pageSize = 100;
/** Users marked concurrently. */
const width = 32;
/** Consecutive failures after which the list is abandoned; reading it only saves calls. */
const mostFailures = 5;
/** The shortest and longest wait before a failed read is repeated, ms. */
const shortestPauseMs = 1_000;
const longestPauseMs = 60_000;

/** A process that has read no page for this time, ms, loses its turn to another process. */
const turnMs = 3 * 60_000;
/** The largest clock difference between processes, ms: a turn that seems longer than `turnMs` plus this is ignored. */
const mostSkewMs = 4 * 60_000;

/** The parameters of a comparison. */
export interface Comparing {
  readonly name: string;
  /** On `clock.monotonic()`: the comparison ends then, even if the list has not been read to its end. */
  readonly until: number;
  readonly signal: AbortSignal;
  /** Called after every page. */
  readonly seen: (comparison: Comparison) => Promise<void>;
}

/**
 * Compares for as long as it saves calls, from where the import of this name stopped. Never rejects because of a
 * response by 1upHealth.
 *
 * @throws {LifecycleError} of the store; the signal's reason
 */
export async function compareUsers(engine: Engine, comparing: Comparing): Promise<void> {
  try {
    await comparingOn(engine, comparing);
  } finally {
    await leave(engine, comparing.name);
  }
}

/**
 * Ends this process's turn, so that others need not wait until it expires; best effort if the store is unavailable.
 */
async function leave(engine: Engine, name: string): Promise<void> {
  const { clock, owner } = engine;
  const late = new AbortController();
  const cancel = clock.timer(shortestPauseMs, () => late.abort());
  await noteComparison(engine, name, late.signal, (before) =>
    before.by === owner ? { ...before, by: null, until: 0 } : before,
  ).catch(() => {});
  cancel();
}

async function comparingOn(engine: Engine, { name, until, signal, seen }: Comparing): Promise<void> {
  const { clock, owner } = engine;
  let at = await readComparison(engine, name);
  let failures = 0;
  let first: number | undefined;
  while (!at.done && clock.monotonic() < until && failures < mostFailures) {
    const now = clock.now();
    at = await noteComparison(engine, name, signal, (before) =>
      before.done || isReadElsewhere(before, owner, now)
        ? before
        : { ...before, by: owner, until: now + turnMs },
    );
    if (at.done) break;
    if (at.by !== owner) {
      await seen(at);
      await sleep(clock, shortestPauseMs, signal);
      continue;
    }
    const { created = 0 } = leftOf(name, await engine.store.counts());
    if (!pays(at, created)) {
      await noteComparison(engine, name, signal, (before) => ({ ...before, done: true }));
      break;
    }
    const page = await pageFrom(engine, at.skip, signal);
    if (page === null) {
      failures++;
      continue;
    }
    failures = 0;
    // seam: a-page-is-marked-before-it-counts-as-read
    const known = await mark(engine, name, page, signal);
    // A server that ignores the paging parameters returns the same page again and again.
    const done = page.length < pageSize || page[0]?.oneupUserId === first;
    first = page[0]?.oneupUserId;
    const skip = at.skip + page.length;
    at = await noteComparison(engine, name, signal, (before) => ({
      ...before,
      skip: Math.max(before.skip, skip),
      pages: before.pages + 1,
      known: before.known + known,
      done: before.done || done,
    }));
    await seen(at);
  }
}

/** Whether another process is reading the list and its turn has not expired. */
function isReadElsewhere({ by, until }: Comparison, owner: string, now: number): boolean {
  return by !== null && by !== owner && until > now && until <= now + turnMs + mostSkewMs;
}

/**
 * Whether the next page may be worth its call. It must be able to save one, and the pages so far may have cost up to
 * two calls more than they saved, or a fiftieth of what the remaining users will cost, because their position in the
 * list is unknown.
 */
function pays({ pages, known }: Comparison, left: number): boolean {
  // seam: a-page-must-pay
  return left > 1 && pages - known <= Math.max(1, left / 50);
}

/** A page of the list; `null`, after a pause, if 1upHealth did not return it. */
async function pageFrom(
  engine: Engine,
  skip: number,
  signal: AbortSignal,
): Promise<readonly RemoteUser[] | null> {
  try {
    const page = await askForPage(engine, { skip, limit: pageSize }, { lane: "recovery", signal });
    return page.users;
  } catch (error) {
    if (signal.aborted || !isLifecycleError(error) || error.code === "STORE_UNAVAILABLE") throw error;
    engine.settings.logger.warn(`Cannot read 1upHealth's list of users: ${inWords(error)}`);
    const ms = Math.min(longestPauseMs, Math.max(shortestPauseMs, error.retryAfterMs ?? 0));
    await sleep(engine.clock, ms, signal);
    return null;
  }
}

/** Marks the users of a page that belong to the import and have made no call yet. Returns their number. */
async function mark(
  engine: Engine,
  name: string,
  page: readonly RemoteUser[],
  signal: AbortSignal,
): Promise<number> {
  let marked = 0;
  const left = [...page];
  const loop = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      signal.throwIfAborted();
      if (next.appUserId !== undefined && (await markOne(engine, name, next.appUserId, signal))) marked++;
    }
  };
  await Promise.all(Array.from({ length: width }, loop));
  return marked;
}

async function markOne(engine: Engine, name: string, id: string, signal: AbortSignal): Promise<boolean> {
  try {
    checkId(id);
    for (;;) {
      const found = await retryWrite(engine, signal, "compare users", () => findUser(engine, id));
      if (found === null || found.record.lease !== null || !isUntouched(found.user, name)) return false;
      const { user, record } = found;
      const known = stepped(user, { type: "EXPECT_EXISTING", at: engine.clock.now() });
      const done = await saveIdle(engine, known, samePlace(record), signal);
      if (done.type === "committed") return true;
      // Another process is working on it, or has moved it into another lane.
    }
  } catch (error) {
    if (!isLifecycleError(error) || error.retryable || engine.keys.isTrouble(error)) throw error;
    return false; // renamed, not a valid id here, or unreadable: no user of this import that could be marked
  }
}

function isUntouched({ position, origin, intent }: User, name: string): boolean {
  const waits = position.state === "created" && intent === null && origin?.arrived === false;
  return waits && /* seam: an-import-marks-its-own-users */ origin.name === name;
}
