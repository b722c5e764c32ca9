/**
 * Brings in whole lists: everybody is written down first and then waits for slots in the store, where a million who wait
 * cost nothing. Nothing else needs to be remembered: whoever starts the same import again finds in each user's record
 * that it is there already, and the store counts who has not arrived.
 *
 * @module
 */
import { isLifecycleError } from "../errors.ts";
import { tell } from "./changes.ts";
import { checkId } from "./checks.ts";
import { compare } from "./comparing.ts";
import { readComparison } from "./comparison.ts";
import type { Comparison } from "./comparison.ts";
import { newLease } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { look, standing } from "./import-progress.ts";
import type { Import, ImportProgress, ImportSummary, OnboardManyOptions } from "./imports.ts";
import { insist } from "./insist.ts";
import { idsOn } from "./listing.ts";
import { find } from "./load.ts";
import { Pace } from "./pace.ts";
import { RowTally } from "./row-tally.ts";
import { eachRow, rowsInHand } from "./rows.ts";
import type { Rows } from "./rows.ts";
import { save } from "./save.ts";
import { shelf } from "./shelves.ts";
import { Unreadable } from "./unreadable.ts";
import { newUser, stepped } from "./user.ts";
import type { User } from "./user.ts";

/** Unreadable users that are named in the end. */
const mostIds = 100;
/** Users that are listed with one question to the store. */
const pageSize = 500;
/**
 * Users who are to be compared with 1upHealth's list wait so long at most, ms, and the comparison takes less: should this
 * process die, they are due then, and go on by themselves.
 */
const heldMs = 15 * 60_000;
const comparedMs = 12 * 60_000;

/**
 * Onboards everybody. `help` works for all users until its signal aborts.
 * @throws {LifecycleError} of the store; the signal's reason; what the ids throw
 */
export async function onboardMany(
  { engine, options, signal }: Import<OnboardManyOptions>,
  ids: Rows<string>,
  help: (signal: AbortSignal) => Promise<unknown>,
): Promise<ImportSummary> {
  const { name, lane = "bulk", expect, onProgress } = options;
  const tally = new RowTally(engine.keys);
  const pace = new Pace(engine, options.everyMs);
  const unreadable = new Unreadable(engine, name);
  const comparedBy = engine.clock.monotonic() + comparedMs;
  const before = await insist(engine, signal, "look at an import", () => standing(engine, name));
  let compared = await insist(engine, signal, "look at an import", () => readComparison(engine, name));
  const holds = expect === undefined && !compared.done;

  async function report(phase: ImportProgress["phase"]): Promise<ImportProgress> {
    const progress = await insist(engine, signal, "look at an import", () =>
      look(engine, { name, counts: tally.counts, phase, lane, compared, before, unreadable }),
    );
    tell((seen) => onProgress?.(seen), progress);
    return progress;
  }

  await report("reading");
  await eachRow(ids, rowsInHand, signal, async (given, number) => {
    await tally.count(number, () => {
      const id = checkId(given);
      const user = newcomer(engine, id, options);
      return insist(engine, signal, "write users down", () =>
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
    await insist(engine, signal, "compare users", () =>
      compare(engine, { name, until: comparedBy, signal, seen }),
    );
  }
  // Where another process has compared, it may have died before this: then most of those who are left are in no lane.
  const { left, waiting } = await report(holds ? "comparing" : "reading");
  if (holds || (expect === undefined && waiting < left / 2)) {
    await insist(engine, signal, "line users up", () => lineUp(engine, name, signal));
  }

  const stop = new AbortController();
  const working = help(AbortSignal.any([signal, stop.signal]));
  let trouble: { readonly error: unknown } | null = null;
  working.catch((error: unknown) => (trouble = { error }));
  try {
    for (;;) {
      signal.throwIfAborted();
      const { heard } = engine.changes;
      const { left } = await report("onboarding");
      if (left === 0) break;
      await pace.wait(left, heard, signal);
      if (trouble !== null) throw (trouble as { readonly error: unknown }).error; // set while this waited
    }
  } finally {
    stop.abort();
    await working.catch(() => {}); // said above
  }
  return {
    ...(await report("done")),
    ...tally.summary,
    unreadableIds: unreadable.ids.slice(0, mostIds),
  };
}

/** A user as an import brings it. */
function newcomer({ clock }: Engine, id: string, { name, lane = "bulk", expect }: OnboardManyOptions): User {
  const at = clock.now();
  const user = { ...newUser(id, lane, at), origin: { name, arrived: false } };
  return expect === "existing" ? stepped(user, { type: "EXPECT_EXISTING", at }) : user;
}

/** Writes the user down, in its lane or held for so long, unless it is there already, or was and is to be forgotten. */
async function enter(
  engine: Engine,
  signal: AbortSignal,
  newcomer: User,
  holdMs: number | null,
): Promise<"added" | "present"> {
  const { lane } = newcomer;
  const place = holdMs === null ? { dueInMs: null, lane } : { dueInMs: holdMs, lane: null };
  if ((await engine.store.load(newcomer.id)).type !== "absent") return "present";
  // Repeated as the same write where nobody heard of it: our own user must not be met as somebody else's.
  const done = await save(engine, newcomer, signal, { mode: "none", lease: newLease(engine), ...place });
  if (done.type !== "committed")
    return done.unheard === true && (await isOurs(engine, signal, newcomer)) ? "added" : "present";
  engine.changes.rested({ ...newcomer, revision: done.revision }, place);
  return "added";
}

/** The write was done, nobody heard so, and a worker has taken the user on since; or somebody else was faster. */
async function isOurs(
  engine: Engine,
  signal: AbortSignal,
  { id, history: [begun], origin }: User,
): Promise<boolean> {
  const found = await insist(engine, signal, "look at users", () =>
    find(engine, id).catch(nobodyIfUnreadable),
  );
  const there = found?.user;
  return there?.origin?.name === origin?.name && there?.history[0]?.[0] === begun?.[0];
}

/** Users who were held for the comparison go into their lane. */
async function lineUp(engine: Engine, name: string, signal: AbortSignal): Promise<void> {
  for (const state of ["created", "reauthorizing"] as const) {
    await eachRow(idsOn(engine, shelf(state, name), pageSize), rowsInHand, signal, async (id) => {
      for (let lined = false; !lined;) {
        // One by one: a list that began anew with every failure would never end where there are many users.
        const found = await insist(engine, signal, "line users up", () =>
          find(engine, id).catch(nobodyIfUnreadable),
        );
        if (found === null || found.record.lane !== null || found.record.lease !== null) return;
        const { user } = found;
        if (user.intent !== null || user.pause !== null) return; // it is on its way
        const place = { dueInMs: null, lane: user.lane };
        const done = await save(engine, user, signal, { mode: "none", lease: newLease(engine), ...place });
        lined = done.type === "committed"; // or somebody has put it into another lane
      }
    });
  }
}

function nobodyIfUnreadable(error: unknown): null {
  if (isLifecycleError(error) && !error.retryable) return null; // whoever asks for that user is told
  throw error;
}
