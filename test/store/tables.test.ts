import { describe, expect, it } from "vitest";
import type { Limit } from "../../src/store/contract.ts";
import { memoryTables } from "../../src/store/table-store/memory-tables.ts";
import { tableStore } from "../../src/store/table-store/table-store.ts";

describe("store/tables", () => {
  it("slots.take() keeps the log short though grant() is never called", async () => {
    const tables = memoryTables();
    const limit: Limit = { name: "management", calls: 1_000_000, windowMs: 3_600_000 };
    let now = 0;
    const store = tableStore({
      write: async (unit) => unit(tables, { now, past: { since: 0, jump: null } }),
      read: (unit) => unit(tables, { now, past: { since: 0, jump: null } }),
      close: async () => {},
    });
    for (; now < 4 * limit.windowMs; now += 5_000) {
      const taken = await store.slots.take({ limit, holdMs: 40_000, lane: "bulk" });
      expect(taken.type).toBe("taken");
    }
    expect(tables.logs.get(limit.name)?.moments.length).toBeGreaterThan(256);
    expect(tables.logs.get(limit.name)?.moments.length).toBeLessThanOrEqual(520);
  });
});
