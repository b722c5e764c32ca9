/**
 * Onboards a list: every user is stored first and then waits in the store for a slot, where a million waiting users
 * cost nothing. No other state is needed: when the same import is started again, each user's record shows that it was
 * added, and the store counts the users that are not usable yet.
 *
 * @module
 */
import { linkSignals } from "../../abort.ts";
import { isLifecycleError } from "../../errors.ts";
import { checkId } from "../options/checks.ts";
import { compareUsers } from "./compare-users.ts";
import { readComparison } from "./comparison.ts";
import type { Comparison } from "./comparison.ts";
import type { Engine } from "../engine/engine.ts";
import { look, standing } from "./import-progress.ts";
import type { Import, ImportProgress, ImportSummary, OnboardManyOptions } from "./imports.ts";
import { retryWrite } from "../engine/retry-write.ts";
import { findUser, listUserIds } from "../engine/load-user.ts";
import { callListener } from "../options/call-listener.ts";
import { Throttle } from "./throttle.ts";
import { RowTally } from "./row-tally.ts";
import { forEachRow, rowsInHand } from "./for-each-row.ts";
import type { Rows } from "./for-each-row.ts";
import { moveIdle, saveIdle } from "../engine/save-user.ts";
import { indexKey } from "../user/index-key.ts";
import { DamagedUsers } from "./damaged-users.ts";
import { newUser, stepped } from "../user/user.ts";
import type { User } from "../user/user.ts";

/** Unreadable users named in the result. */
const mostIds = 100;
/** Users listed per request to the store. */
const pageSize = 500;
/**
 * Users that are to be compared with 1upHealth's list are held for at most this time, ms, and the comparison takes
 * less. If this process dies, they become due then and continue by themselves.
 */
const heldMs = 15 * 60_000;
const comparedMs = 12 * 60_000;

/**
 * Onboards the list. `help` works for all users until its signal aborts.
 *
 * @throws {LifecycleError} of the store; the signal's reason; what the ids throw
 */
export async function onboardMany(
  { engine, options, signal }: Import<OnboardManyOptions>,
  ids: Rows<string>,
  help: (signal: AbortSignal) => Promise<unknown>,
): Promise<ImportSummary> {
  const { name, lane = "bulk", expect, onProgress } = options;
  const tally = new RowTally(engine.keys);
  const pace = new Throttle(engine, options.everyMs);
  const unreadable = new DamagedUsers(engine, name);
  const comparedBy = engine.clock.monotonic() + comparedMs;
  const before = await retryWrite(engine, signal, "read the progress of an import", () =>
    standing(engine, name),
  );
  let compared = await retryWrite(engine, signal, "read the progress of an import", () =>
    readComparison(engine, name),
  );
  const holds = expect === undefined && !compared.done;

  async function report(phase: ImportProgress["phase"]): Promise<ImportProgress> {
    const progress = await retryWrite(engine, signal, "read the progress of an import", () =>
      look(engine, { name, counts: tally.counts, phase, lane, compared, before, unreadable }),
    );
    callListener(engine.settings.logger, "onProgress", onProgress, progress);
    return progress;
  }

  await report("reading");
  await forEachRow(ids, rowsInHand, signal, async (given, number) => {
    await tally.count(number, () => {
      const id = checkId(given);
      const user = newcomer(engine, id, options);
      return retryWrite(engine, signal, "store users", () =>
        enter(engine, signal, user, holds ? heldMs : null),
      );
    });
    if (pace.isDue()) await report("reading");
  });

  if (holds) {
    await report("comparing");
    const seen = async (now: Comparison): Promise<void> => {
      compared = now;
      if (pace.isDue()) await report("comparing");
    };
    await retryWrite(engine, signal, "compare users", () =>
      compareUsers(engine, { name, until: comparedBy, signal, seen }),
    );
  }
  // Another process that compared may have died before lining the users up: then most of those left are in no lane.
  const { left, waiting } = await report(holds ? "comparing" : "reading");
  // seam: held-users-get-a-lane
  if (holds || (expect === undefined && waiting < left / 2)) {
    await retryWrite(engine, signal, "put users into their lane", () => lineUp(engine, name, signal));
  }

  const stop = linkSignals(signal);
  const working = help(stop.signal);
  let trouble: { readonly error: unknown } | null = null;
  working.catch((error: unknown) => (trouble = { error }));
  try {
    for (;;) {
      signal.throwIfAborted();
      const { latest } = engine.changes;
      const { left } = await report("onboarding");
      // seam: an-import-ends-with-its-last-user
      if (left === 0) break;
      await pace.wait(left, latest, signal);
      if (trouble !== null) throw (trouble as { readonly error: unknown }).error; // set while this waited
    }
  } finally {
    stop.abort();
    await working.catch(() => {}); // handled above
  }
  return {
    ...(await report("done")),
    ...tally.summary,
    unreadableIds: unreadable.ids.slice(0, mostIds),
  };
}

/** A new user of an import. */
function newcomer({ clock }: Engine, id: string, { name, lane = "bulk", expect }: OnboardManyOptions): User {
  const at = clock.now();
  const user = { ...newUser(id, lane, at), origin: { name, arrived: false } };
  return expect === "existing" ? stepped(user, { type: "EXPECT_EXISTING", at }) : user;
}

/** Stores the user, in its lane or held for this time, unless the id exists or was forgotten. */
async function enter(
  engine: Engine,
  signal: AbortSignal,
  newcomer: User,
  holdMs: number | null,
): Promise<"added" | "present"> {
  const { lane } = newcomer;
  const place =
    holdMs === null
      ? { dueInMs: null, lane }
      : { /* seam: a-user-is-held-for-a-limited-time */ dueInMs: holdMs, lane: null };
  if ((await engine.store.load(newcomer.id)).type !== "absent") return "present";
  // An unacknowledged write is repeated with the same write id: otherwise our own user would look like a conflict.
  const done = await moveIdle(engine, newcomer, place, /* seam: a-first-write-is-repeated */ signal);
  if (done.type !== "committed")
    return done.unacknowledged === true && (await isOurs(engine, signal, newcomer)) ? "added" : "present";
  return "added";
}

/**
 * Whether the write succeeded unacknowledged and a worker has run the user since; otherwise another process was
 * faster.
 */
async function isOurs(
  engine: Engine,
  signal: AbortSignal,
  { id, history: [begun], origin }: User,
): Promise<boolean> {
  const found = await retryWrite(engine, signal, "read users", () =>
    findUser(engine, id).catch(nobodyIfUnreadable),
  );
  const there = found?.user;
  return there?.origin?.name === origin?.name && there?.history[0]?.[0] === begun?.[0];
}

/** Moves users that were held for the comparison into their lane. */
async function lineUp(engine: Engine, name: string, signal: AbortSignal): Promise<void> {
  for (const state of ["created", "reauthorizing"] as const) {
    await forEachRow(listUserIds(engine, pageSize, indexKey(state, name)), rowsInHand, signal, async (id) => {
      for (let lined = false; !lined;) {
        // One by one: restarting the list after every failure would never end with many users.
        const found = await retryWrite(engine, signal, "put users into their lane", () =>
          findUser(engine, id).catch(nobodyIfUnreadable),
        );
        if (found === null || found.record.lane !== null || found.record.lease !== null) return;
        const { user } = found;
        if (user.intent !== null || user.pause !== null) return; // it is already being run
        const done = await saveIdle(engine, user, { dueInMs: null, lane: user.lane }, signal);
        lined = done.type === "committed"; // or it has been moved into another lane
      }
    });
  }
}

function nobodyIfUnreadable(error: unknown): null {
  if (isLifecycleError(error) && !error.retryable) return null; // a call for that user reports the error
  throw error;
}
