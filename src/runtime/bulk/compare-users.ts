/**
 * Reads 1upHealth's own list of users and marks those of an import who stand in it. A user who is known to exist there
 * costs one call; one who turns out to, two. So each user found saves a call, and each page costs one.
 *
 * @module
 */
import { sleep } from "../clock.ts";
import { inWords, isLifecycleError } from "../errors.ts";
import type { RemoteUser } from "../http/user-management.ts";
import { checkId } from "./checks.ts";
import { noteComparison, readComparison } from "./comparison.ts";
import type { Comparison } from "./comparison.ts";
import { newLease } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { insist } from "./insist.ts";
import { find } from "./load.ts";
import { askRemote } from "./remote.ts";
import { save } from "./save.ts";
import { leftOf } from "./shelves.ts";
import { stepped } from "./user.ts";
import type { User } from "./user.ts";

/** Users a page. */
const pageSize = 100;
/** Users who are marked at the same time. */
const width = 32;
/** 1upHealth may fail so often in a row before its list is left alone; it only saves calls. */
const mostFailures = 5;
/** A failed question is asked again after so long at least and at most, ms. */
const shortestPauseMs = 1_000;
const longestPauseMs = 60_000;

/** Whoever has read no page for so long, ms, leaves the list to another process. */
const turnMs = 3 * 60_000;
/** What another process's clock calls later than that it cannot have meant. */
const mostSkewMs = 4 * 60_000;

/** What a comparison works with. */
export interface Comparing {
  readonly name: string;
  /** On `clock.monotonic()`: then it ends, whether it has seen everything or not. */
  readonly until: number;
  readonly signal: AbortSignal;
  /** Called after every page. */
  readonly seen: (comparison: Comparison) => Promise<void>;
}

/**
 * Compares as long as it saves calls, on from where the import of this name was left. Never rejects for what 1upHealth
 * answers.
 *
 * @throws {LifecycleError} of the store; the signal's reason
 */
export async function compare(engine: Engine, comparing: Comparing): Promise<void> {
  try {
    await comparingOn(engine, comparing);
  } finally {
    await leave(engine, comparing.name);
  }
}

/** Others need not wait until this process has been silent for long. If the store is away, they do. */
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
    const known = await mark(engine, name, page, signal);
    // A server that ignores the paging parameters says the same again and again.
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

/** Does another process read the list? It has not been silent for too long. */
function isReadElsewhere({ by, until }: Comparison, owner: string, now: number): boolean {
  return by !== null && by !== owner && until > now && until <= now + turnMs + mostSkewMs;
}

/**
 * May the next page be worth its call? It must be able to save one, and the pages so far may have cost two more than they
 * saved, or a fiftieth of what the users who are left will cost: for nobody knows where in the list they stand.
 */
function pays({ pages, known }: Comparison, left: number): boolean {
  return left > 1 && pages - known <= Math.max(1, left / 50);
}

/** A page of the list; `null`, after a pause, if 1upHealth did not give it. */
async function pageFrom(
  engine: Engine,
  skip: number,
  signal: AbortSignal,
): Promise<readonly RemoteUser[] | null> {
  try {
    return await askRemote(engine, { query: { page: { skip, limit: pageSize } }, lane: "recovery", signal });
  } catch (error) {
    if (signal.aborted || !isLifecycleError(error) || error.code === "STORE_UNAVAILABLE") throw error;
    engine.settings.logger.warn(`Cannot read 1upHealth's list of users: ${inWords(error)}`);
    const ms = Math.min(longestPauseMs, Math.max(shortestPauseMs, error.retryAfterMs ?? 0));
    await sleep(engine.clock, ms, signal);
    return null;
  }
}

/** Marks those of the page who belong to the import and of whom 1upHealth has not been asked yet; how many. */
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
      const found = await insist(engine, signal, "compare users", () => find(engine, id));
      if (found === null || found.record.lease !== null || !isUntouched(found.user, name)) return false;
      const { user, record } = found;
      const known = stepped(user, { type: "EXPECT_EXISTING", at: engine.clock.now() });
      const place = {
        dueInMs: record.lane === null ? Math.max(0, record.dueInMs ?? 0) : null,
        lane: record.lane,
      };
      const done = await save(engine, known, signal, { mode: "none", lease: newLease(engine), ...place });
      if (done.type === "committed") return true;
      // Somebody is at it, or has put it into another lane.
    }
  } catch (error) {
    if (!isLifecycleError(error) || error.retryable || engine.keys.isTrouble(error)) throw error;
    return false; // renamed, or no id of ours, or not to be read: no user of this import that could be marked
  }
}

function isUntouched({ position, origin, intent }: User, name: string): boolean {
  return position.state === "created" && intent === null && origin?.name === name && !origin.arrived;
}
