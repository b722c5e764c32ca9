import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { memory } from "../../adapters/memory.ts";
import type { Json, Store, StoreAdapter } from "../../src/store/contract.ts";
import { quarantineMs } from "../../src/store/quarantine.ts";
import { pseudonymisedStore } from "../../src/store/sealing/pseudonymised-store.ts";
import { HiddenNames } from "../../src/store/sealing/hidden-names.ts";
import { write } from "../support/commits.ts";
import {
  manualClock,
  storeConformance,
  type MovableClock,
  type TestFunction,
} from "../../src/testing/index.ts";

const keyOfNames = randomBytes(32);
const warnings: string[] = [];
const warn = (message: string): void => void warnings.push(message);

function hiding(adapter: StoreAdapter): StoreAdapter {
  return {
    ...adapter,
    open: async (options) =>
      pseudonymisedStore(await adapter.open(options), new HiddenNames(keyOfNames, options.account), warn),
  };
}

/** What is promised otherwise here: pages go by hidden ids, and an id that moved on is told as what it is now. */
const otherwise = new Set([
  "page() lists the ids of one state in ascending order",
  "page({ after }) continues after an id, whether that still exists or not",
  "page({ limit }) returns at most that many",
  "page() without a state lists the ids of all records in ascending order",
  "page() without a state lists a moved record under its new id only",
  "load() of the old id returns the new one, after one or two moves",
]);

describe("store/hidden-ids", () => {
  const met = new Set<string>();
  const leftOut: TestFunction = () => {};
  const test: TestFunction = (title, run) => {
    met.add(title);
    const register: TestFunction = otherwise.has(title) ? leftOut : it;
    return register(title, run);
  };
  storeConformance(test, { open: () => hiding(memory()) });

  it("pseudonymisedStore() keeps every promise of a store, but for those that are named", () => {
    expect([...otherwise].filter((title) => !met.has(title))).toEqual([]);
  });
});

/** A store that hides ids, and the one beneath it. */
async function stores(): Promise<{
  readonly hidden: Store;
  readonly beneath: Store;
  readonly names: HiddenNames;
  readonly clock: MovableClock;
}> {
  const clock = manualClock();
  const beneath = await memory().open({ account: "account", clock });
  const names = new HiddenNames(keyOfNames, "account");
  return { hidden: pseudonymisedStore(beneath, names, warn), beneath, names, clock };
}

async function walk(store: Store, limit: number, state?: string): Promise<readonly string[]> {
  const seen: string[] = [];
  for (let after: string | undefined; ; after = seen.at(-1)) {
    const page = await store.page({ state, after, limit });
    expect(page.length).toBeLessThanOrEqual(limit);
    seen.push(...page);
    if (page.length < limit) return seen;
  }
}

describe("store/hidden-ids pseudonymisedStore()", () => {
  it("pseudonymisedStore() keys the store by 256 bits of an HMAC, and no other key of names gives the same", async () => {
    const { hidden, beneath, names } = await stores();
    await hidden.commit(write("ada@example.org", { value: null }));
    const [key = ""] = await beneath.page({ state: "created", limit: 9 });
    expect(Buffer.from(key, "base64url")).toHaveLength(32);
    expect(key).toBe(names.key("ada@example.org"));
    expect(new HiddenNames(keyOfNames, "another account").sealedId("ada@example.org")).not.toBe(
      names.sealedId("ada@example.org"),
    );
    expect(new HiddenNames(randomBytes(32), "account").key("ada@example.org")).not.toBe(key);
    expect(JSON.stringify(await beneath.load(key))).not.toContain("example.org");
  });

  it("page() lists every id once, in an order of its own, whatever the limit", async () => {
    const { hidden } = await stores();
    const ids = Array.from({ length: 23 }, (_, n) => `user ${n}`);
    for (const id of ids) await hidden.commit(write(id));
    for (const limit of [1, 5, 23, 24])
      for (const state of ["created", undefined])
        expect([...(await walk(hidden, limit, state))].sort()).toEqual(ids.sort());
    expect(await hidden.page({ state: "created", limit: 0 })).toEqual([]);
    expect(await hidden.page({ state: "created", after: "", limit: 99 })).toHaveLength(23);
  });

  it("page() goes on behind an id that is no longer there", async () => {
    const { hidden } = await stores();
    for (let n = 0; n < 9; n++) await hidden.commit(write(`user ${n}`));
    const all = await walk(hidden, 99, "created");
    await hidden.commit(write(all[4] ?? "", { expectedRevision: 1, state: "failed" }));
    expect(await hidden.page({ state: "created", after: all[4], limit: 99 })).toEqual(all.slice(5));
  });

  it("load() of an id that was renamed answers with what it is now, after one move or many", async () => {
    const { hidden } = await stores();
    await hidden.commit(write("a"));
    await hidden.move({ from: "a", commit: write("b", { expectedRevision: 1 }) });
    expect(await hidden.load("a")).toEqual({ type: "renamed", to: "b" });
    await hidden.move({ from: "b", commit: write("c", { expectedRevision: 2 }) });
    for (const old of ["a", "b"]) expect(await hidden.load(old)).toEqual({ type: "renamed", to: "c" });
  });

  it("claim(), grant() and page() pass over a record that does not name its user, and warn", async () => {
    const { hidden, beneath, names, clock } = await stores();
    const limit = { name: "calls", calls: 2, windowMs: 60_000 };
    const values: Json[] = [];
    for (const id of ["ada", "bob"]) {
      await hidden.commit(write(id));
      const loaded = await beneath.load(names.key(id));
      if (loaded.type === "record") values.push(loaded.record.value);
    }
    // Bob's id is moved into Ada's record: it was not sealed for that.
    const [, ofBob = null] = values;
    const lent = { value: ofBob, expectedRevision: 1 };
    const damage = write(names.key("ada"), { ...lent, dueInMs: 0 });
    await beneath.commit(damage);
    await clock.advance(1); // and the first who is due
    await hidden.commit(write("bob", { expectedRevision: 1, dueInMs: 0 }));
    warnings.length = 0;
    const { lease } = damage;
    for (const state of ["created", undefined]) expect(await walk(hidden, 1, state)).toEqual(["bob"]);
    const taken = [await hidden.claim({ limit: 1, lease }), await hidden.claim({ limit: 1, lease })];
    expect(taken.flatMap(({ claimed }) => claimed.map(({ record }) => record.id))).toEqual(["bob"]);
    expect(warnings).toContainEqual(expect.stringContaining(names.key("ada")));

    const aside = { state: "created", revision: 3, lease: null, dueInMs: quarantineMs };
    expect(await beneath.load(names.key("ada")), "it is quarantined").toMatchObject({ record: aside });

    const waits = { ...damage, expectedRevision: 3, writeId: "waits", dueInMs: null, lane: "bulk" } as const;
    expect(await beneath.commit(waits)).toMatchObject({ type: "committed" });
    await clock.advance(1); // Ada is the first in the lane
    await hidden.commit(write("bob", { expectedRevision: 2, mode: "end", lane: "bulk" }));
    const granted = await hidden.grant({ limit, max: 1, holdMs: 1_000, lease });
    expect(granted.claimed.map(({ record }) => record.id)).toEqual(["bob"]);
    const { used } = await hidden.slots.forecast({ limit, calls: 1, lane: "bulk" });
    expect(used.bulk, "the slot of the one who was passed over is free again").toBe(1);
    expect(await hidden.load("ada"), "the id finds the record").toMatchObject({
      type: "record",
    });
  });
});
