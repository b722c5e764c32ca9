import type { ImportProgress } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { importLine, importPicture, importSummary } from "../../src/cli/importing/import-picture.ts";
import { paintFor } from "../../src/cli/screen.ts";
import { spanInWords } from "../../src/runtime/options/time-in-words.ts";

const plain = paintFor({ isTTY: false }, {});
const now = Date.UTC(2026, 10, 25, 9);
const widest: ImportProgress = {
  name: "n".repeat(64),
  phase: "onboarding",
  read: 1_000_000,
  added: 1_000_000,
  present: 1_000_000,
  departed: 1_000_000,
  rejected: 1_000_000,
  known: 1_000_000,
  arrived: 9_999,
  failed: 1,
  unreadable: 0,
  left: 990_000,
  held: 0,
  waiting: 1_000_000,
  slots: { used: 300, of: 300 },
  shut: [],
  endsAt: new Date(now + 138 * 86_400_000 + 23 * 3_600_000),
};

describe("the picture of an import", () => {
  it.each(["reading", "onboarding", "done"] as const)("fits into 80 columns while %s", (phase) => {
    for (const line of importPicture({ ...widest, phase }, now, plain))
      expect(line.length).toBeLessThanOrEqual(80);
  });

  it("shows its progress and when it will be over", () => {
    const text = importPicture({ ...widest, known: 0, present: 0, rejected: 0 }, now, plain).join("\n");
    expect(text).toContain("9,999 of 1,000,000");
    expect(text).toMatch(
      /1,000,000 waiting · 300 of 300 slots in use · done in 138 d 23 h, \w{3} 1[23] Apr$/m,
    );
  });

  it("names what it waits for when 1upHealth takes no calls", () => {
    const shut = [
      { gate: "secret", state: "suspended", reason: "credentials", until: new Date(now + 60_000) },
    ] as const;
    for (const line of importPicture({ ...widest, shut }, now, plain))
      expect(line.length).toBeLessThanOrEqual(80);
    for (const text of [
      importPicture({ ...widest, shut }, now, plain).join("\n"),
      importLine({ ...widest, shut }, now),
    ]) {
      expect(text).toContain("accepts no calls now (credentials); next try");
      expect(text).not.toContain("done in");
    }
  });

  it.each([
    ["token", "rateLimit", /done in 138 d/],
    ["region", "unavailable", /no calls from here \(unavailable\); next try/],
  ] as const)("tells what %s (%s) means for it", (gate, reason, what) => {
    const shut = [{ gate, state: "suspended", reason, until: new Date(now + 60_000) }] as const;
    for (const line of importPicture({ ...widest, shut }, now, plain))
      expect(line.length).toBeLessThanOrEqual(80);
    expect(importLine({ ...widest, shut }, now)).toMatch(what);
  });

  it.each([
    [{ left: 1, held: 1, waiting: 0 }, "1 left, held until unhold"],
    [{ left: 3, held: 1, waiting: 0 }, "3 left, 1 of them held"],
    [{ left: 3, held: 0, waiting: 0 }, "3 left, on their way"],
    [{ left: 3, held: 0, waiting: 3 }, "3 left, paused"],
  ])("tells what it waits for without an end: %j", (some, what) => {
    expect(importLine({ ...widest, ...some, endsAt: null }, now)).toBe(
      `onboarding: 9,999 onboarded, ${what}`,
    );
    for (const line of importPicture({ ...widest, ...some, endsAt: null }, now, plain))
      expect(line.length).toBeLessThanOrEqual(80);
  });

  it("names the gate that stops it for longest", () => {
    const shut = [
      { gate: "management", state: "throttled", reason: "throttled", until: new Date(now) },
      { gate: "token", state: "throttled", reason: "throttled", until: new Date(now + 86_400_000) },
    ] as const;
    expect(importLine({ ...widest, shut }, now)).toMatch(/next try Thu 26 Nov/);
  });

  it("lists in the end what there is left to do, in 80 columns", () => {
    const rejects = [
      { row: 7, line: 8, code: "INVALID_ID", why: "Cannot use this app_user_id", facts: {} },
    ] as const;
    const some = {
      rejected: 1,
      rejects,
      failed: 12_345,
      unreadable: 12_345,
      unreadableIds: ["ada"],
      left: 0,
    };
    const lines = importSummary({ ...widest, ...some, phase: "done", endsAt: null }, plain);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    expect(lines.join("\n")).toMatch(/retry --all retries them.*\n {2}Damaged: 12,345 records\./);
  });

  it("names the file of --rejects if it holds rows, and else the option if not all rows are listed", () => {
    const told = (rejected: number, path?: string): string => {
      const why = "Cannot use this app_user_id";
      const rejects = Array.from({ length: rejected }, (_, row) => {
        return { row, line: row, code: "INVALID_ID", why, facts: {} } as const;
      });
      const done = { ...widest, phase: "done", endsAt: null, unreadableIds: [], rejected, rejects } as const;
      return importSummary(done, plain, path).join("\n");
    };
    expect(told(1, "bad.csv")).toContain("\n  all rows that cannot be used are in bad.csv\n");
    expect(told(12, "bad.csv")).toContain(
      "\n  and 2 more rows; all rows that cannot be used are in bad.csv\n",
    );
    expect(told(12)).toContain("\n  and 2 more rows; --rejects FILE writes them all to a file\n");
    for (const text of [told(0, "bad.csv"), told(10)]) expect(text).not.toMatch(/bad\.csv|--rejects/);
    expect(told(12, "bad.csv")).not.toContain("--rejects");
  });

  it.each([
    [400, "1 s"],
    [59_000, "59 s"],
    [3_540_000, "59 min"],
    [12_000_000, "3 h 20 min"],
    [86_400_000, "1 d"],
  ])("%d ms are %s", (ms, words) => expect(spanInWords(ms)).toBe(words));
});
