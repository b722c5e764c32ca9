/**
 * Forgets a user who was let go. What is left under its id is a mark without a fact, and that is on purpose: a process
 * that stood still all the while, and still holds the user as it was, finds its revision passed and can write nothing,
 * neither now nor in the user's next life. And whoever compares the users here with 1upHealth's list sees that this one
 * is not wanted.
 *
 * @module
 */
import { randomName } from "../clock.ts";
import { LifecycleError } from "../errors.ts";
import { firstLookMs, longestLookMs } from "./arrive.ts";
import type { Patience } from "./arrive.ts";
import { isBusy, untilAtRest } from "./at-rest.ts";
import { readOrBereft } from "./bereft.ts";
import { newLease } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { insist } from "./insist.ts";
import { find } from "./load.ts";
import type { Found } from "./load.ts";
import { mark, shelfOfMarks } from "./marks.ts";

/**
 * Forgets the user; nothing if there is none.
 * @throws {LifecycleError} `USER_NOT_READY` unless it is offboarded, at rest and certain not to be created in this moment
 */
export async function forget(engine: Engine, id: string, patience: Patience): Promise<void> {
  const { signal } = patience;
  for (let look = firstLookMs; ; look = Math.min(longestLookMs, 2 * look)) {
    signal.throwIfAborted();
    const found = await find(engine, id, readOrBereft);
    if (found === null && !engine.driving.has(id)) return;
    if (found === null || engine.driving.has(id) || isBusy(found)) {
      await untilAtRest(engine, verb, { id, found, look, patience });
      continue;
    }
    const { position, pause } = found.user;
    if (position.state !== "offboarded")
      throw notReady(engine, id, `it is ${position.state}: offboard() it first`);
    const waitMs = pause === null ? 0 : (found.record.dueInMs ?? 0);
    if (waitMs > 0) {
      const left = patience.until - engine.clock.monotonic();
      if (left <= 0) throw notReady(engine, id, "it may be created in this moment", waitMs);
      await engine.changes.ofUser(id, Math.min(left, waitMs, longestLookMs), signal);
    } else if (await isMarked(engine, found, signal)) return;
  }
}

const verb = "forget a user";

/** Puts the mark in the record's place. False: somebody was faster, or it was ours and nobody heard of it. */
async function isMarked(engine: Engine, { record }: Found, signal: AbortSignal): Promise<boolean> {
  const write = {
    id: record.id,
    value: mark,
    state: shelfOfMarks,
    expectedRevision: record.revision,
    writeId: randomName(engine.clock),
    mode: "none",
    lease: newLease(engine),
    dueInMs: null,
    lane: null,
  } as const;
  const done = await insist(engine, signal, verb, () => engine.store.commit(write));
  return done.type === "committed";
}

function notReady({ sealer }: Engine, id: string, why: string, retryAfterMs?: number): LifecycleError {
  return new LifecycleError("USER_NOT_READY", `Cannot ${verb}, ${sealer.alias(id)}: ${why}`, {
    retryable: retryAfterMs !== undefined,
    retryAfterMs,
  });
}
