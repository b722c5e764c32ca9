import { appendFileSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { receiptFile, verifyReceipts, type LeaveSummary, type ReceiptLog } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards, folder } from "../support/scene.ts";

/** Users with a grant, and a patient each. */
async function withUsers(users: number): Promise<TestLifecycle> {
  const test = await createTestLifecycle({ sandbox: { limit: { calls: Infinity } } });
  afterwards(() => test.lifecycle.close());
  for (let number = 0; number < users; number++) {
    await test.lifecycle.onboard(`user-${number}`);
    test.sandbox.addResources(`user-${number}`, "r4", [{ resourceType: "Patient" }]);
  }
  return test;
}

/** A place for receipts. */
function place(): string {
  return join(folder("receipts"), "receipts.ndjson");
}

function linesOf(path: string): readonly string[] {
  return readFileSync(path, "utf8").split("\n").slice(0, -1);
}

interface Line {
  readonly type: string;
  readonly oneupUserId?: number | null;
  readonly purged?: readonly { readonly version: string; readonly digest: string }[];
  readonly skipped?: { readonly versions: readonly string[]; readonly why: string } | null;
  readonly count?: number;
}

function receiptsIn(path: string): readonly Line[] {
  return linesOf(path).map((line) => JSON.parse(line) as Line);
}

describe("offboardMany()", () => {
  it("runs dry without a count, and changes nothing", async () => {
    const { lifecycle, sandbox } = await withUsers(3);
    const calls = sandbox.journal.count();
    const dry = await lifecycle.offboardMany("all", { name: "leave" });
    expect(dry).toMatchObject({ name: "leave", count: 3, done: 0, unexported: 0, unusable: 0, calls: 3 });
    expect(dry.endsAt).toBeInstanceOf(Date);
    expect(sandbox.journal.count()).toBe(calls);
    expect(await lifecycle.counts()).toEqual({ tokenActive: 3 });
    const some = await lifecycle.offboardMany(["user-1", "user-1", "nobody"], { name: "leave" });
    expect(some).toMatchObject({ count: 1, unusable: 1 });
  });

  it("counts two users whose ids were chosen to have one plain hash", async () => {
    const { lifecycle } = await withUsers(0);
    const ids = ["哰暎一", "盉蒾早"]; // in cyrb53
    for (const id of ids) await lifecycle.onboard(id);
    expect(await lifecycle.offboardMany(ids, { name: "leave" })).toMatchObject({ count: 2 });
  });

  it("rejects with what a log rejects with, also one that opens in an asynchronous function", async () => {
    const { lifecycle } = await withUsers(1);
    const log = {
      open: () => Promise.reject(new Error("the disk is full")),
      append: async () => {},
      close: async () => {},
    };
    const leave = lifecycle.offboardMany("all", { name: "leave", count: 1, receipts: log });
    await expect(leave).rejects.toThrow("the disk is full");
    expect(await lifecycle.counts()).toEqual({ tokenActive: 1 });
  });

  it("refuses another list by a name that was begun, also in the dry run, and goes on with its own", async () => {
    const { lifecycle, clock } = await withUsers(3);
    const receipts = place();
    await lifecycle.offboardMany(["user-0", "user-1"], { name: "leave", count: 2, receipts });
    const another = lifecycle.offboardMany(["user-1", "user-2"], { name: "leave" });
    await expect(another).rejects.toThrow(
      `Cannot go on with the leave "leave": its list must be the one that it was begun with, which did not have user ${lifecycle.alias("user-2")}; nothing was done`,
    );
    const acting = lifecycle.offboardMany(["user-2"], { name: "leave", count: 2, receipts });
    await expect(acting).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await clock.advance("1h");
    for (const id of ["user-0", "user-3"]) await lifecycle.onboard(id); // who came after it was begun stay
    const again = await lifecycle.offboardMany(["user-0", "user-1", "user-3"], {
      name: "leave",
      count: 2,
      receipts,
    });
    expect(again).toMatchObject({ closed: true, count: 2, receipts: 2 });
    expect((await lifecycle.counts())["offboarded"]).toBe(1);
  });

  it("refuses to purge other versions by a name that was begun: users that have left keep theirs", async () => {
    const { lifecycle } = await withUsers(1);
    const receipts = place();
    await lifecycle.offboardMany("all", { name: "leave", purge: ["r4"], count: 1, receipts });
    await expect(lifecycle.offboardMany("all", { name: "leave" })).rejects.toThrow(
      'Cannot go on with the leave "leave": purge must be what it was begun with (r4), got another one (dstu2, r4, stu3)',
    );
    const rest = { name: "rest", count: 1, receipts: place() };
    expect(await lifecycle.offboardMany("all", rest)).toMatchObject({ closed: true, receipts: 1 });
    expect((await lifecycle.inspect("user-0")).purge?.done.toSorted()).toEqual(["dstu2", "r4", "stu3"]);
  });

  it("waits for a user that a dead process holds, and offboards it with the others", async () => {
    const world = await createTestLifecycle();
    await world.lifecycle.onboard("ada");
    await world.crash({ before: "exchangeCode" }, () => world.lifecycle.onboard("bob"));
    const lifecycle = await world.restart();
    afterwards(() => lifecycle.close());
    const leave = { name: "leave", count: 2, receipts: place() };
    expect(await lifecycle.offboardMany(["ada", "bob"], leave)).toMatchObject({ receipts: 2, closed: true });
    expect(await lifecycle.counts()).toEqual({ offboarded: 2 });
  });

  it("purges all that it is asked for of a user whose smaller purge ended with its process", async () => {
    const world = await createTestLifecycle();
    await world.lifecycle.onboard("ada");
    await world.crash({ before: "fhir.purge" }, () => world.lifecycle.offboard("ada", { purge: ["r4"] }));
    const lifecycle = await world.restart();
    afterwards(() => world.close());
    const receipts = place();
    const leave = { name: "leave", purge: true, count: 1, receipts } as const;
    expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ receipts: 1, closed: true });
    const purged = receiptsIn(receipts)[1]?.purged?.map(({ version }) => version);
    expect(purged?.toSorted()).toEqual(["dstu2", "r4", "stu3"]);
  });

  it("tells when it ends: its calls go at the pace of the limit", async () => {
    const { lifecycle, clock } = await withUsers(20);
    await clock.advance(2 * 3_600_000);
    await lifecycle.account.setLimits({ management: { calls: 4, windowMs: 3_600_000 } });
    const { endsAt } = await lifecycle.offboardMany("all", { name: "leave" });
    const hours = ((endsAt?.getTime() ?? 0) - clock.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(3.9);
    expect(hours).toBeLessThan(7);
  });

  it("purges each user once, and keeps a receipt of each that verifies and names no person", async () => {
    const { lifecycle, sandbox } = await withUsers(5);
    const receipts = place();
    const { count } = await lifecycle.offboardMany("all", { name: "leave" });
    const summary = await lifecycle.offboardMany("all", { name: "leave", count, receipts });
    expect(summary).toMatchObject({ phase: "done", count: 5, receipts: 5, left: 0, failed: 0, skipped: 0 });
    expect(summary).toMatchObject({ closed: true, unfinished: [], publicKey: lifecycle.receiptsKey() });
    expect(await lifecycle.counts()).toEqual({ offboarded: 5 });
    expect(sandbox.journal.count("fhir.purge")).toBe(15);
    const [opened, ...kept] = receiptsIn(receipts);
    expect(opened).toMatchObject({ type: "opened", leave: "leave" });
    expect(kept.at(-1)).toMatchObject({ type: "closed", count: 5 });
    const numbers = sandbox.users().map(({ oneupUserId }) => oneupUserId);
    expect(new Set(kept.slice(0, -1).map(({ oneupUserId }) => oneupUserId))).toEqual(new Set(numbers));
    for (const { purged = [], skipped } of kept.slice(0, -1)) {
      expect(purged.map(({ version }) => version)).toEqual(["dstu2", "stu3", "r4"]);
      for (const { digest } of purged) expect(digest).toMatch(/^[0-9a-f]{64}$/);
      expect(skipped).toBeNull();
    }
    expect(readFileSync(receipts, "utf8")).not.toContain("user-");
    expect(readdirSync(dirname(receipts))).toEqual(["receipts.ndjson"]);
    if (process.platform !== "win32") expect(statSync(receipts).mode & 0o777).toBe(0o600);
    const { publicKey } = summary;
    const verified = await verifyReceipts(linesOf(receipts), { publicKey });
    expect(verified).toEqual({
      ok: true,
      leave: "leave",
      receipts: 5,
      skipped: 0,
      closed: true,
      problem: null,
    });
    // Once more: nothing is left to do.
    const calls = sandbox.journal.count();
    const again = await lifecycle.offboardMany("all", { name: "leave", count, receipts });
    expect(again).toMatchObject({ receipts: 5, closed: true });
    expect(sandbox.journal.count()).toBe(calls);
    expect(linesOf(receipts)).toHaveLength(7);
  });

  it("does nothing with another count than that of the dry run", async () => {
    const { lifecycle } = await withUsers(2);
    const { count } = await lifecycle.offboardMany("all", { name: "leave" });
    await lifecycle.onboard("late");
    const receipts = place();
    await expect(lifecycle.offboardMany("all", { name: "leave", count, receipts })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
    expect(await lifecycle.counts()).toEqual({ tokenActive: 3 });
    expect(readdirSync(dirname(receipts))).toEqual([]);
  });

  it("leaves users alone that the export has not finished, and purges them once it has", async () => {
    const { lifecycle } = await withUsers(3);
    const [receipts, write] = [place(), folder("export")];
    const exporting = { name: "spring", write, types: ["Patient"] };
    await lifecycle.exportMany(["user-0"], exporting);
    const options = { name: "leave", onlyAfterExport: "spring", allowPartialExport: true };
    const { count, unexported } = await lifecycle.offboardMany("all", options);
    expect([count, unexported]).toEqual([3, 2]);
    const first = await lifecycle.offboardMany("all", { ...options, count, receipts });
    expect(first).toMatchObject({ receipts: 1, waiting: 2, closed: false });
    expect(first.unfinished.map(({ appUserId }) => appUserId).toSorted()).toEqual(["user-1", "user-2"]);
    expect(await lifecycle.counts()).toMatchObject({ offboarded: 1 });
    await lifecycle.exportMany("all", exporting);
    const second = await lifecycle.offboardMany("all", { ...options, count, receipts });
    expect(second).toMatchObject({ receipts: 3, waiting: 0, closed: true });
  });

  it("does not purge a user again that signed up again, nor one that came since", async () => {
    const { lifecycle, sandbox } = await withUsers(2);
    const receipts = place();
    const log = altered(receiptFile(receipts), (lines) => {
      if (lines.some((line) => line.includes('"receipt"'))) throw new Error("the machine stops");
    });
    const leave = { name: "leave", count: 2 };
    await expect(lifecycle.offboardMany("all", { ...leave, receipts: log })).rejects.toThrow(
      "the machine stops",
    );
    await lifecycle.onboard("user-0");
    await lifecycle.onboard("late");
    const purges = sandbox.journal.count("fhir.purge");
    const summary = await lifecycle.offboardMany("all", { ...leave, receipts });
    expect(summary).toMatchObject({ receipts: 2, closed: true });
    expect(sandbox.journal.count("fhir.purge")).toBe(purges);
    expect(await lifecycle.counts()).toMatchObject({ offboarded: 1 });
    // Another leave is another matter.
    const next = await lifecycle.offboardMany("all", { name: "next" });
    expect(next).toMatchObject({ count: 3, done: 1 });
    const all = await lifecycle.offboardMany("all", { name: "next", count: 3, receipts: place() });
    expect(all).toMatchObject({ receipts: 3, closed: true });
  });

  it("gives no receipt to a user whose purge was refused, names it, and goes on after retry()", async () => {
    const { lifecycle, sandbox } = await withUsers(2);
    const receipts = place();
    sandbox.fail({ call: "fhir.purge", appUserId: "user-1", status: 400, times: Infinity, body: refusal });
    const leave = { name: "leave", count: 2, receipts };
    const summary = await lifecycle.offboardMany("all", leave);
    expect(summary).toMatchObject({ receipts: 1, failed: 1, closed: false });
    expect(summary.unfinished).toMatchObject([{ appUserId: "user-1", code: "USER_FAILED" }]);
    const { publicKey } = summary;
    expect(await verifyReceipts(linesOf(receipts), { publicKey })).toMatchObject({ ok: false, receipts: 1 });
    sandbox.clearFaults();
    await lifecycle.retry("user-1");
    expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ receipts: 2, closed: true });
    expect(await verifyReceipts(linesOf(receipts), { publicKey })).toMatchObject({ ok: true });
  });

  it("gives receipts to users that were offboarded before, and erases what was left", async () => {
    const { lifecycle, sandbox } = await withUsers(3);
    await lifecycle.offboard("user-0", { purge: true });
    await lifecycle.offboard("user-1");
    const receipts = place();
    expect(await lifecycle.offboardMany("all", { name: "leave" })).toMatchObject({
      count: 3,
      done: 1,
      calls: 2,
    });
    const summary = await lifecycle.offboardMany("all", { name: "leave", count: 3, receipts });
    expect(summary).toMatchObject({ receipts: 3, closed: true });
    expect(sandbox.journal.count("fhir.purge")).toBe(9);
    for (const { type, purged = [] } of receiptsIn(receipts))
      if (type === "receipt") expect(purged).toHaveLength(3);
  });

  it("tells in the receipt of a purge that was not carried out", async () => {
    const { lifecycle, sandbox } = await withUsers(1);
    const receipts = place();
    sandbox.fail({ call: "fhir.purge", status: 503, times: 1 });
    const leaving = lifecycle.offboardMany("all", { name: "leave", count: 1, receipts, everyMs: 10 });
    await lifecycle.offboard("user-0"); // withdraws it, or finds it done
    const summary = await leaving;
    expect(summary).toMatchObject({ receipts: 1, closed: true });
    expect(receiptsIn(receipts)[1]?.skipped ?? null).toEqual(
      summary.skipped === 0 ? null : expect.objectContaining({ why: "withdrawn" }),
    );
  });

  it("takes rows that can be read once only", async () => {
    const { lifecycle } = await withUsers(3);
    function* rows(): Generator<string> {
      yield "user-0";
      yield "user-2";
    }
    const leave = { name: "leave", count: 2, receipts: place() };
    expect(await lifecycle.offboardMany(rows(), leave)).toMatchObject({ receipts: 2, closed: true });
    expect(await lifecycle.counts()).toMatchObject({ offboarded: 2 });
    const { state } = await lifecycle.inspect("user-1");
    expect(state).not.toBe("offboarded"); // and whatever else: hours may pass while the disk works
  });

  it("forgets each user once its receipt is kept", async () => {
    const { lifecycle } = await withUsers(3);
    const receipts = place();
    const leave = { name: "leave", count: 3, receipts, forget: true };
    expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ receipts: 3, closed: true });
    expect(await lifecycle.counts()).toEqual({});
    expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ receipts: 3, closed: true });
  });

  it("refuses receipts of another leave, changed ones, and other ones than it began with", async () => {
    const { lifecycle } = await withUsers(2);
    const [receipts, other] = [place(), place()];
    await lifecycle.offboardMany(["user-0"], { name: "leave", count: 1, receipts });
    const refused = { code: "INVALID_OPTION" };
    const leave = { name: "leave", count: 1 };
    await expect(lifecycle.offboardMany(["user-0"], { ...leave, receipts: other })).rejects.toMatchObject(
      refused,
    );
    const next = lifecycle.offboardMany(["user-1"], { name: "next", count: 1, receipts });
    await expect(next).rejects.toMatchObject(refused);
    const free = await lifecycle.offboardMany(["user-1"], { name: "free", count: 1, receipts: other });
    expect(free, "as the refusal tells to do").toMatchObject({ receipts: 1, closed: true });
    writeFileSync(receipts, readFileSync(receipts, "utf8").replace('"count":1', '"count":2'));
    await expect(lifecycle.offboardMany(["user-0"], { ...leave, receipts })).rejects.toMatchObject(refused);
  });

  it("ends when another process begins it, and no receipt is lost or doubled", async () => {
    const { lifecycle } = await withUsers(4);
    const receipts = place();
    let second: Promise<LeaveSummary> | undefined;
    const leave = { name: "leave", count: 4 };
    const log = altered(receiptFile(receipts), async (lines) => {
      if (lines.some((line) => line.includes('"receipt"')))
        await (second ??= lifecycle.offboardMany("all", { ...leave, receipts }));
    });
    await expect(lifecycle.offboardMany("all", { ...leave, receipts: log })).rejects.toMatchObject({
      code: "TAKEN_OVER",
    });
    expect(await second).toMatchObject({ receipts: 4, closed: true });
    const { publicKey } = await (second as Promise<LeaveSummary>);
    expect(await verifyReceipts(linesOf(receipts), { publicKey })).toMatchObject({ ok: true, receipts: 4 });
  });

  it("drops a receipt that was cut off by a crash, and writes it once", async () => {
    const { lifecycle } = await withUsers(2);
    const receipts = place();
    const log = altered(receiptFile(receipts), (lines) => {
      if (!lines.some((line) => line.includes('"receipt"'))) return;
      appendFileSync(receipts, (lines[0] ?? "").slice(0, 40));
      throw new Error("the machine stops");
    });
    const leave = { name: "leave", count: 2 };
    await expect(lifecycle.offboardMany("all", { ...leave, receipts: log })).rejects.toThrow("stops");
    const { publicKey } = await lifecycle.offboardMany("all", { ...leave, receipts });
    expect(await verifyReceipts(linesOf(receipts), { publicKey })).toMatchObject({ ok: true, receipts: 2 });
  });

  it("without a purge erases secrets only", async () => {
    const { lifecycle, sandbox } = await withUsers(2);
    const receipts = place();
    const dry = await lifecycle.offboardMany("all", { name: "leave", purge: false });
    expect(dry).toMatchObject({ count: 2, calls: 0 });
    const leave = { name: "leave", purge: false, count: 2, receipts };
    expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ closed: true });
    expect(sandbox.journal.count("fhir.purge")).toBe(0);
    for (const { type, purged } of receiptsIn(receipts)) if (type === "receipt") expect(purged).toEqual([]);
  });

  it.each([
    { name: "a/b" },
    { count: -1 },
    { count: 1, receipts: "" },
    { count: 1, receipts: {} },
    { purge: ["r5"] },
  ])("refuses %o", async (wrong) => {
    const { lifecycle } = await createTestLifecycle();
    const options = { name: "leave", ...wrong } as unknown as Parameters<typeof lifecycle.offboardMany>[1];
    await expect(lifecycle.offboardMany("all", options)).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});

describe("verifyReceipts()", () => {
  it("notices every line that is missing, changed, moved, doubled or signed with another key", async () => {
    const { lifecycle } = await withUsers(3);
    const receipts = place();
    const { publicKey } = await lifecycle.offboardMany("all", { name: "leave", count: 3, receipts });
    const lines = linesOf(receipts);
    const verdict = async (some: readonly string[], key = publicKey): Promise<boolean> =>
      (await verifyReceipts(some, { publicKey: key })).ok;
    expect(await verdict(lines)).toBe(true);
    for (let at = 0; at < lines.length; at++) {
      expect(await verdict(lines.toSpliced(at, 1))).toBe(false);
      expect(await verdict(lines.toSpliced(at, 0, lines[at] ?? ""))).toBe(false);
      expect(await verdict(lines.slice(0, at))).toBe(false);
      for (const changed of [
        "x",
        (lines[at] ?? "").replace(/\d/, "7"),
        (lines[at] ?? "").replace('"type"', '"Type"'),
      ])
        if (changed !== lines[at]) expect(await verdict(lines.with(at, changed))).toBe(false);
    }
    expect(await verdict([lines[0] ?? "", lines[2] ?? "", lines[1] ?? "", ...lines.slice(3)])).toBe(false);
    const other = await createTestLifecycle({ sandbox: { seed: 2 } });
    afterwards(() => other.lifecycle.close());
    expect(await verdict(lines, other.lifecycle.receiptsKey())).toBe(false);
    await expect(verifyReceipts(lines, { publicKey: "x" })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(verifyReceipts(lines, undefined as never)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    for (const text of [lines.join("\n"), Buffer.from(lines.join("\n")), null]) {
      const verified = verifyReceipts(text as Iterable<string>, { publicKey });
      await expect(verified).rejects.toMatchObject({
        code: "INVALID_OPTION",
        message: expect.stringContaining("must be an iterable or async iterable") as string,
      });
    }
  });

  it("says of a file without receipts that it is no file of receipts, and of a broken first line what is wrong", async () => {
    const { lifecycle } = await withUsers(1);
    const receipts = place();
    const { publicKey } = await lifecycle.offboardMany("all", { name: "leave", count: 1, receipts });
    const lines = linesOf(receipts);
    const problem = async (some: readonly string[]) => (await verifyReceipts(some, { publicKey })).problem;
    const users = ["root:x:0:0:root:/root:/bin/sh", "daemon:x:1:1:"];
    expect(await problem(users)).toMatchObject({
      line: 1,
      why: expect.stringContaining("this is no file of receipts") as string,
      nextStep: expect.stringContaining("--receipts FILE") as string,
    });
    const changed = { line: 1, why: "it was changed, or signed with another key" };
    expect(await problem(["x", ...lines.slice(1)])).toMatchObject(changed);
    expect(await problem([(lines[0] ?? "").slice(0, 20)])).toMatchObject(changed);
  });
});

const refusal = { resourceType: "OperationOutcome", issue: [{ severity: "error", code: "forbidden" }] };

/** The same log; `before` is called before each append. */
function altered(log: ReceiptLog, before: (lines: readonly string[]) => Promise<void> | void): ReceiptLog {
  return {
    open: () => log.open(),
    async append(lines) {
      await before(lines);
      await log.append(lines);
    },
    close: () => log.close(),
  };
}
