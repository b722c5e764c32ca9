/**
 * A worker of a fleet that records how long it held each slot. It works from "work" to "stop". One argument, JSON: the
 * `Told` of `exact.ts`.
 *
 * @module
 */
import { once } from "node:events";
import { createLifecycle } from "../dist/lib/index.js";
import { storeAt } from "./store-at.mjs";

/** @type {import("./exact.ts").Told} */
const { address, options } = JSON.parse(process.argv[2]);
/** @type {import("./exact.ts").Held[]} */
const held = [];
const now = () => performance.timeOrigin + performance.now();
const adapter = await storeAt(address);
const lifecycle = await createLifecycle({ ...options, store: { ...adapter, open: opened } });

/** The store, instrumented: measures from the response that grants a slot until the commit that settles it is sent. */
async function opened(how) {
  const store = await adapter.open(how);
  /** @type {Map<string, number>} */
  const since = new Map();
  return {
    ...store,
    async grant(ask) {
      const batch = await store.grant(ask);
      for (const { record, slot } of batch.claimed) if (slot !== null) since.set(record.id, now());
      return batch;
    },
    commit(commit) {
      const begun = since.get(commit.id);
      if (commit.settle !== undefined && begun !== undefined) {
        held.push([begun, now()]);
        since.delete(commit.id);
      }
      return store.commit(commit);
    },
  };
}

process.send("opened");
await once(process, "message");
const stop = new AbortController();
const working = lifecycle.work({ signal: stop.signal });
await once(process, "message");
stop.abort();
await working;
process.send(held);
await lifecycle.close();
process.disconnect();
