/**
 * Fills a store with any number of users that wait for a slot in the bulk lane, in the library's own format.
 *
 * @module
 */
import { setTimeout as wait } from "node:timers/promises";
import type { Json, Lifecycle, LifecycleOptions, Store } from "oneup-lifecycle";
import { createLifecycle, isLifecycleError } from "./product.ts";
import { inLoops } from "./rounds.ts";

/** Concurrent commits, so that they share the cost of a sync. */
const atATime = 2_048;
/** A paused lane, so that all users have to wait. */
const paused = { lane: "bulk", reason: "users are written" } as const;

/** The id of the user with that index, from 0. */
export function waitingId(index: number): string {
  return `user-${String(index).padStart(9, "0")}@example.org`;
}

/** Adds users from index `from`, so that `to` exist in total. */
export async function fill(options: LifecycleOptions, from: number, to: number): Promise<void> {
  if (from >= to) return;
  const opened: Store[] = [];
  const { store: adapter } = options;
  const lifecycle = await createLifecycle({
    ...options,
    store: {
      ...adapter,
      async open(how) {
        const store = await adapter.open(how);
        opened.push(store);
        return store;
      },
    },
  });
  try {
    for (const store of opened) {
      const value = await waiting(lifecycle, store, waitingId(from));
      await inLoops(indexes(from + 1, to), atATime, (index) => write(store, index, value));
    }
  } finally {
    await lifecycle.close();
  }
}

/** The first user, written by the library itself; the others are copies. */
async function waiting(lifecycle: Lifecycle, store: Store, id: string): Promise<Json> {
  await lifecycle.account.pause(paused);
  await lifecycle.onboard(id, { lane: "bulk", waitMs: 0 }).catch((error: unknown) => {
    if (!isLifecycleError(error, "PAUSED")) throw error; // the user is stored, and waits
  });
  for (;;) {
    const loaded = await store.load(id);
    if (loaded.type === "record" && loaded.record.lane !== null && loaded.record.lease === null) {
      await lifecycle.account.unpause({ lane: "bulk" });
      return loaded.record.value;
    }
    await wait(5);
  }
}

async function write(store: Store, index: number, value: Json): Promise<void> {
  const done = await store.commit({
    id: waitingId(index),
    value,
    expectedRevision: 0,
    writeId: `fill-${index}`,
    mode: "none",
    lease: { id: "fill", owner: "fill", ms: 1 },
    state: "created",
    dueInMs: null,
    lane: "bulk",
  });
  if (done.type !== "committed") throw new Error(`Cannot write user ${index}: ${done.type}`);
}

function* indexes(from: number, to: number): Generator<number> {
  for (let index = from; index < to; index++) yield index;
}
