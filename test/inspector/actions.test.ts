/** What a person can do with the inspector, and who may. */
import { randomBytes, randomUUID } from "node:crypto";
import { memory } from "oneup-lifecycle/adapters/memory";
import type { InspectorOptions } from "oneup-lifecycle/inspector";
import { describe, expect, it } from "vitest";
import { readOnly } from "../../src/store/read-only.ts";
import { scene } from "../support/scene.ts";
import { opened, openedOn, type Answer, type Browser, type Opened } from "./support.ts";

const reason = "a complaint is being looked into";

/** The key of the user with this id. */
async function keyOf({ ask }: Browser, id: string): Promise<string> {
  return (await ask("users", { id })).body.users[0].key;
}

/** What a page that shows the user knows of it. */
async function shown(it: Browser, id: string): Promise<{ readonly key: string; readonly record: string }> {
  const key = await keyOf(it, id);
  const { record } = (await it.ask("user", { key })).body;
  return { key, record };
}

/** Does something with "ada". */
async function withAda(it: Browser, fields: object): Promise<Answer> {
  return it.act({ ...(await shown(it, "ada")), ...fields });
}

/** An inspector of a lifecycle with the user "ada". */
async function ada(options: InspectorOptions = { actions: true }): Promise<Opened> {
  const made = await opened(options);
  await made.world.lifecycle.onboard("ada");
  return made;
}

/** The steps of "ada" that name a person. */
async function named({ world }: Opened): Promise<readonly unknown[]> {
  const steps = await world.lifecycle.history("ada");
  return steps.flatMap(({ event, by }) => (by === null ? [] : [[event, by]]));
}

describe("inspector/act: on a user", () => {
  it("retry takes a failed user back, in the name of the session's person", async () => {
    const made = await opened({ actions: true });
    await made.world.arrange("ada", "failed");
    const { status, body } = await withAda(made, { action: "retry" });
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { action: "retry", user: { appUserId: "ada", state: "tokenActive", usable: true } },
    });
    expect(await named(made)).toEqual([["RETRY", "localhost"]]);
  });

  it("reauthorize gets a new grant, for one management call", async () => {
    const made = await ada();
    const before = made.world.sandbox.journal.spent().management;
    expect((await withAda(made, { action: "reauthorize" })).body.user).toMatchObject({
      state: "reauthorized",
      usable: true,
    });
    expect(made.world.sandbox.journal.spent().management - before).toBe(1);
    expect(await named(made)).toEqual([["REAUTHORIZE", "localhost"]]);
  });

  it("hold and unhold stop a user's calls and let them go on, with the reason", async () => {
    const made = await ada();
    const held = await withAda(made, { action: "hold", reason });
    expect(held.body.user).toMatchObject({ hold: { reason, by: "localhost" } });
    expect((await withAda(made, { action: "unhold" })).body.user).toMatchObject({ hold: null });
    expect(await named(made)).toEqual([
      ["HOLD", "localhost"],
      ["UNHOLD", "localhost"],
    ]);
  });

  it("offboard erases the secrets, and the data at 1upHealth only on request", async () => {
    const made = await ada();
    const { sandbox } = made.world;
    expect((await withAda(made, { action: "offboard" })).body.user).toMatchObject({ state: "offboarded" });
    expect(sandbox.journal.count("fhir.purge")).toBe(0);
    await made.world.lifecycle.onboard("ada");
    const purged = await withAda(made, { action: "offboard", purge: true });
    expect(purged.body.user).toMatchObject({ state: "offboarded" });
    expect(sandbox.journal.count("fhir.purge")).toBeGreaterThan(0);
    expect(await named(made)).toContainEqual(["OFFBOARD", "localhost"]);
  });

  it("follows a user that was renamed since the page was loaded", async () => {
    const made = await ada();
    const old = await shown(made, "ada");
    await made.world.lifecycle.rename("ada", "eve");
    const { status, body } = await made.act({ action: "reauthorize", ...old });
    expect({ status, id: body.user.appUserId }).toEqual({ status: 200, id: "eve" });
  });

  it.each([false, true])(
    "does nothing to a user that was forgotten and has come back, hideIds: %s",
    async (hideIds) => {
      const { open, sandbox } = await scene();
      const lifecycle = await open({ hideIds, encryption: { keys: [randomBytes(32)] } });
      await lifecycle.onboard("ada");
      const made = await openedOn({ lifecycle }, { actions: true });
      const old = await shown(made, "ada");
      sandbox.clock.advance(1);
      await lifecycle.offboard("ada");
      await lifecycle.forget("ada");
      const gone = await made.act({ action: "hold", reason, ...old });
      expect({ status: gone.status, code: gone.body.error.code }).toEqual({
        status: 404,
        code: "USER_UNKNOWN",
      });
      await lifecycle.onboard("ada");
      for (const action of ["hold", "retry", "reauthorize", "offboard", "unhold"]) {
        const { status, body } = await made.act({ action, reason, ...old });
        expect({ status, code: body.error.code }).toEqual({ status: 409, code: "ANOTHER_RECORD" });
        expect(body.error.message).toContain(
          "was forgotten, and its id was onboarded again since; nothing was done",
        );
      }
      const without = await made.act({ action: "hold", reason, key: old.key });
      expect({ status: without.status, code: without.body.error.code }).toEqual({
        status: 400,
        code: "INVALID_OPTION",
      });
      expect(await lifecycle.inspect("ada")).toMatchObject({ hold: null, usable: true });
      expect((await withAda(made, { action: "hold", reason })).status).toBe(200);
    },
  );

  it("knows a user that was offboarded and onboarded again, which keeps its record", async () => {
    const made = await ada();
    const old = await shown(made, "ada");
    await made.world.lifecycle.offboard("ada");
    await made.world.lifecycle.onboard("ada");
    expect((await made.act({ action: "hold", reason, ...old })).status).toBe(200);
  });

  it("answers what cannot be done, why, and what to do about it", async () => {
    const made = await ada();
    await made.world.lifecycle.account.pause({ reason: "a bill" });
    const { status, body } = await withAda(made, { action: "reauthorize" });
    expect({ status, code: body.error.code }).toEqual({ status: 409, code: "PAUSED" });
    expect(body.error.message).toContain("a bill");
    expect(body.error.next).toContain("unpause");
    const wrong = await withAda(made, { action: "hold", reason: "two\nlines" });
    expect({ status: wrong.status, code: wrong.body.error.code }).toEqual({
      status: 400,
      code: "INVALID_OPTION",
    });
    const unknown = await made.act({ action: "retry", key: "nothing", record: "nothing" });
    expect({ status: unknown.status, code: unknown.body.error.code }).toEqual({
      status: 404,
      code: "USER_UNKNOWN",
    });
  });

  it("masks the id where ids are masked, in answers and errors", async () => {
    const made = await ada({ actions: true, maskIds: true });
    const done = await withAda(made, { action: "hold", reason });
    expect(done.body.user.appUserId).toBe("a…");
    expect(done.text).not.toMatch(/\bada\b/);
    await made.world.lifecycle.account.pause({ reason: "a bill" });
    const refused = await withAda(made, { action: "reauthorize" });
    expect(refused.status).toBe(409);
    expect(refused.text).not.toMatch(/\bada\b/);
  });
});

describe("inspector/act: on the account", () => {
  it("pause, unpause and reopen are recorded with who did them", async () => {
    const made = await opened({ actions: true });
    const { lifecycle } = made.world;
    expect(await made.act({ action: "pause", reason, lane: "bulk", forMs: 3_600_000 })).toMatchObject({
      status: 200,
      body: { action: "pause", user: null },
    });
    const [paused] = (await lifecycle.health()).paused;
    expect(paused).toMatchObject({ lane: "bulk", reason, by: "localhost" });
    expect(Number(paused?.until) - Number(paused?.since)).toBe(3_600_000);
    expect((await made.act({ action: "unpause", lane: "bulk" })).status).toBe(200);
    expect((await lifecycle.health()).paused).toEqual([]);
    expect((await made.act({ action: "reopen" })).status).toBe(200);
    const { acts } = (await made.ask("account")).body;
    expect(acts.map(({ what, by }: any) => [what, by])).toEqual([
      ["pause", "localhost"],
      ["unpause", "localhost"],
      ["reopen", "localhost"],
    ]);
  });
});

describe("inspector/act: who may", () => {
  it("is no person, unless actions are turned on", async () => {
    const made = await ada({});
    expect((await made.ask("me")).body).toMatchObject({ who: "localhost", may: [] });
    const { status, body } = await withAda(made, { action: "reauthorize" });
    expect({ status, code: body.error.code }).toEqual({ status: 403, code: "NOT_ALLOWED" });
    expect(body.error.message).toBe("Cannot do this: you may not reauthorize here; nothing was done");
    expect(await named(made)).toEqual([]);
  });

  it.each([
    ["nothing is named", true, undefined, []],
    ["all is offered and allowed", true, true, ["retry", "offboard"]],
    ["one thing is allowed", true, ["retry"], ["retry"]],
    ["one thing is offered", ["offboard"], true, ["offboard"]],
    ["nothing is offered", false, true, []],
    ["what is allowed is not offered", ["retry"], ["offboard"], []],
    ["what is allowed is no list", true, "all", []],
  ] as const)("is what the inspector offers and authorize allows: %s", async (_, actions, may, all) => {
    const authorize = () => ({ who: "eve", ...(may !== undefined && { may: may as true }) });
    const made = await ada({ actions, authorize });
    const mine = (await made.ask("me")).body.may;
    expect(["retry", "offboard"].filter((one) => mine.includes(one))).toEqual(all);
    for (const action of ["retry", "offboard"]) {
      const { status } = await withAda(made, { action });
      expect({ action, status }).toEqual({
        action,
        status: (all as readonly string[]).includes(action) ? 200 : 403,
      });
    }
  });

  it("is asked again with each act: a person who may no longer does nothing more", async () => {
    let may = true;
    const made = await ada({ actions: true, authorize: () => ({ who: "eve", may }) });
    expect((await withAda(made, { action: "hold", reason })).status).toBe(200);
    may = false;
    expect((await withAda(made, { action: "unhold" })).status).toBe(403);
    expect((await made.world.lifecycle.inspect("ada")).hold).not.toBeNull();
  });

  it("is recorded under a name that fits on a line", async () => {
    const who = `eve\n\u202E${"x".repeat(300)}`;
    const made = await ada({ actions: true, authorize: () => ({ who, may: true }) });
    expect((await withAda(made, { action: "hold", reason })).status).toBe(200);
    expect(await named(made)).toEqual([["HOLD", `eve ${"x".repeat(96)}`]]);
  });

  it("of a link is the person for whom it was made", async () => {
    const made = await ada();
    const link = made.inspector.link("http://localhost:3000", "eve");
    const entered = await made.inspector.fetch(new Request(link));
    const cookie = entered.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    expect((await made.ask("me", {}, { cookie })).body.who).toBe("eve");
    for (const who of ["", "two\nlines", "x".repeat(101)])
      expect(() => made.inspector.link("http://localhost:3000", who)).toThrow("who must be");
  });

  it.each([["retri"], [["retry", "all"]], ["true"]])("cannot be offered as %j", async (actions) => {
    await expect(opened({ actions: actions as never })).rejects.toThrow(
      "actions must be true, false, or a list",
    );
  });
});

describe("inspector/act: once", () => {
  it("a button that is pressed twice, and a request that is repeated, do one thing", async () => {
    const made = await ada();
    const once = randomUUID();
    const before = made.world.sandbox.journal.count("issueAuthCode");
    const [one, other] = await Promise.all([
      withAda(made, { action: "reauthorize", once }),
      withAda(made, { action: "reauthorize", once }),
    ]);
    const later = await withAda(made, { action: "reauthorize", once });
    expect([one, other, later].map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(later.body).toEqual(one.body);
    expect(made.world.sandbox.journal.count("issueAuthCode") - before).toBe(1);
  });

  it("something else under the same name is refused, and the same name in another session is another act", async () => {
    const made = await ada();
    const once = randomUUID();
    expect((await withAda(made, { action: "hold", reason, once })).status).toBe(200);
    expect((await withAda(made, { action: "offboard", once })).status).toBe(409);
    expect((await withAda(made, { action: "hold", reason: "another", once })).status).toBe(409);
    expect(await named(made)).toHaveLength(1);
    const other = await made.browser();
    expect((await withAda(other, { action: "unhold", once })).status).toBe(200);
  });

  it("an act that failed answers the same again", async () => {
    const made = await ada();
    const once = randomUUID();
    await made.world.lifecycle.account.pause({ reason: "a bill" });
    expect((await withAda(made, { action: "reauthorize", once })).status).toBe(409);
    await made.world.lifecycle.account.unpause();
    expect((await withAda(made, { action: "reauthorize", once })).status).toBe(409);
    expect((await withAda(made, { action: "reauthorize" })).status).toBe(200);
  });
});

describe("inspector/act: stores and processes", () => {
  it("works where ids are hidden, on users of other processes, and waits for their calls", async () => {
    const stage = await scene();
    const store = memory();
    const encryption = { keys: [randomBytes(32)] };
    const open = () => stage.open({ store, encryption, hideIds: true });
    const [here, there] = [await open(), await open()];
    await there.onboard("ada");
    const made = await openedOn({ lifecycle: here }, { actions: true });
    expect((await withAda(made, { action: "hold", reason })).body.user).toMatchObject({ hold: { reason } });
    expect(await there.inspect("ada")).toMatchObject({ hold: { reason, by: "localhost" } });
    expect((await withAda(made, { action: "unhold" })).status).toBe(200);

    stage.sandbox.fail({ call: "issueAuthCode", delayMs: 1_500 });
    const theirs = there.reauthorize("ada");
    await expect.poll(async () => (await here.inspect("ada")).underWay).toBe("issueAuthCode");
    expect((await withAda(made, { action: "hold", reason })).body.user).toMatchObject({
      hold: { reason },
      usable: true,
    });
    await theirs;
  });

  it("answers plainly while another process runs the user for longer than the page waits", async () => {
    const made = await opened({ actions: true });
    await made.world.crash({ after: "createUser" }, () => made.world.lifecycle.onboard("ada"));
    const next = await made.world.restart({ after: "0s" });
    const again = await openedOn({ lifecycle: next }, { actions: true });
    const { status, body } = await withAda(again, { action: "hold", reason });
    expect({ status, code: body.error.code }).toEqual({ status: 409, code: "USER_NOT_READY" });
    expect(body.error.next).toContain("explain()");
  });

  it("changes nothing in a store that was opened to look", async () => {
    const stage = await scene();
    const store = memory();
    const lifecycle = await stage.open({ store });
    await lifecycle.onboard("ada");
    const looking = await stage.open({ store: readOnly(store) });
    const made = await openedOn({ lifecycle: looking }, { actions: true });
    const { status, body } = await withAda(made, { action: "hold", reason });
    expect({ status, code: body.error.code }).toEqual({ status: 503, code: "STORE_UNUSABLE" });
  });
});
