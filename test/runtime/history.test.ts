import { memory } from "oneup-lifecycle/adapters/memory";
import { createTestLifecycle, manualClock } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { accountOf } from "../../src/store/account-of.ts";
import type { Json, StoredRecord } from "../../src/store/contract.ts";
import { historyOf } from "../../src/runtime/user/history-of.ts";
import { newUser, readUser, stepped, writeUser } from "../../src/runtime/user/user.ts";
import { sealerOf } from "../store/sample.ts";
import { afterwards, heldBack, scene } from "../support/scene.ts";

const sealer = sealerOf(2, [new Uint8Array(32)]);

function record(value: StoredRecord["value"]): StoredRecord {
  return { id: "ada", value, revision: 1, state: "created", dueInMs: null, lane: null, lease: null };
}

describe("lifecycle.history()", () => {
  it("names when, from where to where, why, and what each step cost", async () => {
    const { open, sandbox } = await scene();
    const lifecycle = await open();
    sandbox.createUser("ada");
    await lifecycle.onboard("ada");
    const { clock } = sandbox;
    clock.advance(7_200_000);
    await lifecycle.accessToken("ada");
    const none = { management: 0, token: 0 };
    expect(await lifecycle.history("ada")).toMatchObject([
      { from: null, to: "created", event: "ONBOARD", attempt: 0, spent: none },
      {
        from: "created",
        to: "reauthorizing",
        why: "1upHealth answered that it already exists",
        spent: { management: 1 },
      },
      {
        from: "reauthorizing",
        to: "codeIssued",
        why: "1upHealth issued a code",
        spent: { management: 1, token: 0 },
      },
      { from: "codeIssued", to: "reauthorized", event: "TOKEN_GRANTED", spent: { management: 0, token: 1 } },
      { from: "reauthorized", to: "expiring", event: "DUE", spent: none },
      { from: "expiring", to: "refreshed", event: "TOKEN_GRANTED", spent: { management: 0, token: 1 } },
    ]);
    const { calls } = await lifecycle.inspect("ada");
    const spent = (await lifecycle.history("ada")).map((step) => step.spent?.management ?? NaN);
    expect(spent.reduce((sum, one) => sum + one, 0)).toBe(calls.management);
    await expect(lifecycle.history("eve")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
  });

  it("counts attempts, and keeps the last twelve steps, of which the first has no cost", async () => {
    let user = newUser("ada", "bulk", 0);
    for (let at = 1; at <= 20; at++) {
      user = { ...user, calls: { ...user.calls, management: at } };
      user = stepped(user, { type: "POSTPONED", at });
    }
    const steps = historyOf(readUser(record(writeUser(user, sealer)), sealer));
    expect(steps).toHaveLength(12);
    expect(steps[0]).toMatchObject({ from: null, attempt: 9, spent: null });
    expect(steps.at(-1)).toMatchObject({
      from: "created",
      to: "created",
      attempt: 20,
      spent: { management: 1 },
    });
  });

  it("reads what a release wrote that counted nothing, and what such a release leaves of a newer record", () => {
    const written = writeUser(stepped(newUser("ada", "bulk", 0), { type: "POSTPONED", at: 1 }), sealer);
    const { meters, ...older } = written as { readonly [name: string]: Json }; // an object
    expect(meters).toEqual([
      [0, 0, 0],
      [1, 0, 0],
    ]);
    const user = readUser(record(older), sealer);
    expect(historyOf(user).map(({ attempt, spent }) => [attempt, spent])).toEqual([
      [null, null],
      [null, null],
    ]);
    const later = stepped({ ...user, calls: { management: 2, token: 0 } }, { type: "POSTPONED", at: 2 });
    const last = historyOf(readUser(record(writeUser(later, sealer)), sealer)).at(-1);
    expect(last).toMatchObject({ attempt: 2, spent: null });
  });

  it.each([
    [[[0, 0]]],
    [[[0, 0, -1]]],
    [[[0, 0, "1"]]],
    [{}],
    [
      [
        [0, 0, 0],
        [0, 0, 0],
      ],
    ],
  ])("refuses a record whose counts are %j", (meters) => {
    const value = { ...(writeUser(newUser("ada", "bulk", 0), sealer) as object), meters };
    expect(() => readUser(record(value), sealer)).toThrow(
      expect.objectContaining({ code: "RECORD_DAMAGED" }),
    );
  });
});

describe("lifecycle.explain()", () => {
  it("counts a user who waits once, and tells the turn of the last one in line", async () => {
    const { lifecycle, close } = await createTestLifecycle({
      lifecycle: { limits: { management: { calls: 2, windowMs: 3_600_000 } } },
    });
    afterwards(close);
    for (const id of ["ada", "bob"]) await lifecycle.onboard(id);
    for (const id of ["cy", "dee"]) await lifecycle.onboard(id, { waitMs: 0 });
    expect(await lifecycle.explain("dee")).toMatch(
      /one other user is ahead: .*, in (?:1 h|60 min) at the latest/,
    );
  });

  it("agrees with forecast() after the clock was set, and the status names no time beyond the window", async () => {
    const clock = manualClock();
    const { sandbox, open } = await scene();
    const hour = 3_600_000;
    const lifecycle = await open({ clock, limits: { management: { calls: 2, windowMs: hour } } });
    for (const id of ["ada", "bob"]) await lifecycle.onboard(id);
    await lifecycle.onboard("cy", { waitMs: 0 });
    expect(sandbox.journal.spent().management).toBe(2);
    for (const hours of [3, -9]) {
      clock.jumpTo(clock.now() + hours * hour);
      for (let minute = 0; minute < 4; minute++) {
        await clock.advance(60_000);
        await lifecycle.forecast(); // reads the clock
      }
      const now = clock.now();
      const { inMs } = await lifecycle.forecast(); // of one more call, in the same window
      expect(inMs, `${hours} hours`).toBeGreaterThan(0.8 * hour);
      const minutes = new Date(now + inMs).toISOString().slice(0, 16).replace("T", " ");
      expect(await lifecycle.explain("cy")).toContain(`its turn comes at ${minutes}`);
      const { pause } = await lifecycle.inspect("cy");
      expect(pause?.until?.getTime()).toBeLessThanOrEqual(now + hour);
    }
  });

  it("tells of a user, with the account's gates and the line before its limit, and writes nothing", async () => {
    const { open, sandbox } = await scene({ limit: { calls: 1 } });
    const store = memory();
    const lifecycle = await open({ store, limits: { management: { calls: 1, windowMs: 3_600_000 } } });
    await lifecycle.onboard("ada");
    await lifecycle.onboard("bob", { waitMs: 0 });
    const opened = await store.open({
      account: accountOf(sandbox.credentials.clientId),
      clock: sandbox.clock,
    });
    const before = await Promise.all([opened.load("ada"), opened.load("bob"), opened.account.load()]);
    expect(await lifecycle.explain("ada")).toMatch(
      /^The user is tokenActive .* Its access token works until /,
    );
    expect(await lifecycle.explain("bob")).toMatch(
      /waits in the lane interactive .* no other user is ahead: its turn comes at .*, in (?:1 h|60 min) at the latest/,
    );
    expect(await Promise.all([opened.load("ada"), opened.load("bob"), opened.account.load()])).toMatchObject(
      before.map((one) =>
        one !== null && "record" in one ? { record: { revision: one.record.revision } } : {},
      ),
    );
  });

  it("reports that the account is shut for all users, and no secret", async () => {
    const { open, sandbox } = await scene();
    const lifecycle = await open();
    sandbox.fail({ status: 429, retryAfterMs: 600_000 });
    await heldBack(lifecycle, "eve");
    const text = await lifecycle.explain("eve");
    expect(text).toMatch(
      /answered 429 though a slot was free.*user management is shut, for all users.*in 10 min, as/,
    );
    expect(text).not.toContain(sandbox.credentials.clientSecret);
    await expect(lifecycle.explain("nobody")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
  });
});
