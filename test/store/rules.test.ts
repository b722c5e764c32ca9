import { describe, expect, it } from "vitest";
import type { Commit, LeaseMode } from "../../src/store/contract.ts";
import {
  claimableAt,
  leasedTo,
  storedRecordOf,
  verdict,
  waitsIn,
  written,
  type Row,
} from "../../src/store/row-rules.ts";

const now = 1_000;
const row: Row = {
  value: { n: 1 },
  revision: 4,
  writeId: "last",
  state: "created",
  dueAt: 900,
  lane: null,
  waitsSince: null,
  lease: null,
};
const commit: Commit = {
  id: "ada",
  value: { n: 2 },
  expectedRevision: 4,
  writeId: "next",
  mode: "none",
  lease: { id: "mine", owner: "me", ms: 60 },
  state: "codeIssued",
  dueInMs: 25,
  lane: null,
};

const leases: Readonly<Record<string, Row["lease"]>> = {
  none: null,
  "mine, live": { id: "mine", owner: "me", until: now + 1 },
  "mine, over": { id: "mine", owner: "me", until: now },
  "another's, live": { id: "another", owner: "her", until: now + 1 },
  "another's, over": { id: "another", owner: "her", until: now },
};

const verdicts: readonly [lease: string, take: string, keep: string, end: string, none: string][] = [
  ["none", "write", "conflict", "conflict", "write"],
  ["mine, live", "write", "write", "write", "conflict"],
  ["mine, over", "write", "write", "write", "write"],
  ["another's, live", "conflict", "conflict", "conflict", "conflict"],
  ["another's, over", "write", "conflict", "conflict", "write"],
];

describe("store/rules", () => {
  const modes: readonly LeaseMode[] = ["take", "keep", "end", "none"];
  for (const [lease, ...expected] of verdicts) {
    for (const [index, mode] of modes.entries()) {
      it(`verdict() of "${mode}" on a lease that is ${lease}: ${expected[index]}`, () => {
        expect(verdict({ ...row, lease: leases[lease] ?? null }, { ...commit, mode }, now)).toBe(
          expected[index],
        );
      });
    }
  }

  it("verdict() goes by the revision, unless the write is there already", () => {
    expect(verdict(row, { ...commit, expectedRevision: 3 }, now)).toBe("conflict");
    expect(verdict(row, { ...commit, expectedRevision: 5 }, now)).toBe("conflict");
    expect(verdict(row, { ...commit, expectedRevision: 3, writeId: "last" }, now)).toBe("again");
  });

  it("verdict() of a new record wants revision 0 and no lease to keep", () => {
    expect(modes.map((mode) => verdict(undefined, { ...commit, expectedRevision: 0, mode }, now))).toEqual([
      "write",
      "conflict",
      "conflict",
      "write",
    ]);
    expect(verdict(undefined, commit, now)).toBe("conflict");
    expect(verdict({ renamedTo: "eve" }, { ...commit, expectedRevision: 0 }, now)).toBe("conflict");
  });

  it("written() puts durations onto the store's clock", () => {
    expect(written(row, { ...commit, mode: "take", lane: "bulk" }, now)).toEqual({
      value: { n: 2 },
      revision: 5,
      writeId: "next",
      state: "codeIssued",
      dueAt: 1_025,
      lane: "bulk",
      waitsSince: 1_000,
      lease: { id: "mine", owner: "me", until: 1_060 },
    });
  });

  it("written() keeps the place in a lane, and gives a new one in another", () => {
    const waits = { ...row, lane: "bulk", waitsSince: 700 } as const;
    expect(written(waits, { ...commit, lane: "bulk" }, now).waitsSince).toBe(700);
    expect(written(waits, { ...commit, lane: "recovery" }, now).waitsSince).toBe(1_000);
    expect(written(waits, commit, now).waitsSince).toBeNull();
  });

  it("claimableAt() is the end of the lease, else the due time, and never for one who waits in a lane", () => {
    expect(claimableAt(row)).toBe(900);
    expect(claimableAt({ ...row, lane: "bulk" })).toBeNull();
    const leased = leasedTo({ ...row, lane: "bulk" }, commit.lease, now);
    expect(claimableAt(leased)).toBe(1_060);
    expect(leased.revision).toBe(row.revision);
  });

  it("waitsIn() names the lane until the user is leased", () => {
    const waits = { ...row, lane: "bulk", waitsSince: 700 } as const;
    expect(waitsIn(waits)).toEqual({ lane: "bulk", since: 700 });
    expect(waitsIn(leasedTo(waits, commit.lease, now))).toBeNull();
    expect(waitsIn(row)).toBeNull();
  });

  it("storedRecordOf() gives durations, negative when overdue", () => {
    const leased = { ...row, lease: { id: "mine", owner: "me", until: 990 } };
    expect(storedRecordOf("ada", leased, now)).toEqual({
      id: "ada",
      value: { n: 1 },
      revision: 4,
      state: "created",
      dueInMs: -100,
      lane: null,
      lease: { id: "mine", owner: "me", leftMs: -10 },
    });
  });
});
