/**
 * Users at rest who wait for a slot in the bulk lane, as many as one wants, written as the library writes them.
 *
 * @module
 */
import { setTimeout as wait } from "node:timers/promises";
import type { Json, Lifecycle, LifecycleOptions, Store } from "oneup-lifecycle";
import { createLifecycle } from "./product.ts";
import { inLoops } from "./rounds.ts";

/** Commits under way at a time: they share what a sync costs. */
const atATime = 2_048;
/** One place, which is taken: whoever comes has to wait. */
const full = { calls: 1, windowMs: 3_600_000 };

/** The id of the so manieth user, from 0. */
export function waitingId(index: number): string {
  return `user-${String(index).padStart(9, "0")}@example.org`;
}

/** Adds those from `from` on, so that `to` have been written in all. */
export async function fill(options: LifecycleOptions, from: number, to: number): Promise<void> {
  if (from >= to) return;
  const opened: Store[] = [];
  const { store: adapter } = options;
  const lifecycle = await createLifecycle({
    ...options,
    limits: { management: full },
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

/** The first of them, whom the library itself writes; the others are copies. */
async function waiting(lifecycle: Lifecycle, store: Store, id: string): Promise<Json> {
  const taken = await store.slots.take({ limit: { name: "management", ...full }, holdMs: 1, lane: null });
  await lifecycle.onboard(id, { lane: "bulk", waitMs: 0 });
  for (;;) {
    const loaded = await store.load(id);
    if (loaded.type === "record" && loaded.record.lane !== null && loaded.record.lease === null) {
      if (taken.type === "taken") await store.slots.giveBack(taken.slot);
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
