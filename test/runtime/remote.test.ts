import { describe, expect, it } from "vitest";
import { scene } from "../support/scene.ts";

describe("remote", () => {
  it("lists every user at 1upHealth page by page, also when the server ignores the paging", async () => {
    for (const pager of [{ skip: "skip", limit: "limit" }, false] as const) {
      const { sandbox, open } = await scene({ pager });
      for (let index = 0; index < 25; index++) sandbox.createUser(`user ${index}`);
      const lifecycle = await open();
      const seen = [];
      const list = lifecycle.remote.list({ pageSize: 10 });
      expect(list.walk).toEqual({ users: 0, calls: 0, complete: false });
      for await (const user of list) seen.push(user.appUserId);
      expect(seen).toEqual(sandbox.users().map((user) => user.appUserId));
      expect(list.walk).toEqual({ users: 25, calls: pager === false ? 2 : 3, complete: true });
    }
  });

  it("list() asks once more where the first page may be all that the server gives at once", async () => {
    const { sandbox, open } = await scene();
    for (const name of ["ada", "bob"]) sandbox.createUser(name);
    const lifecycle = await open();
    const list = lifecycle.remote.list();
    let last = await list.next();
    while (last.done !== true) last = await list.next();
    expect(last.value).toEqual({ users: 2, calls: 2, complete: true });
  });

  it("list() yields all users where the server gives fewer than requested, and reports what it cannot read", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    const entry = (from: number, to: number): object[] =>
      Array.from({ length: to - from }, (_, n) => ({
        oneup_user_id: from + n + 1,
        app_user_id: `u${from + n}`,
      }));
    const answers = (...pages: readonly (readonly object[])[]): void => {
      for (const page of pages)
        sandbox.fail({ call: "listUsers", status: 200, body: { success: true, entry: page } });
    };
    const all = async (): Promise<object> => {
      const list = lifecycle.remote.list({ pageSize: 100 });
      for await (const _ of list);
      return list.walk;
    };
    answers(entry(0, 50), entry(50, 100), entry(100, 120));
    expect(await all()).toEqual({ users: 120, calls: 3, complete: true });
    answers(entry(0, 50), [...entry(50, 99), { name: "who?" }], entry(100, 120));
    expect(await all()).toEqual({ users: 119, calls: 3, complete: false });
    answers(entry(0, 50), entry(50, 100), entry(0, 50));
    expect(await all()).toEqual({ users: 100, calls: 3, complete: false });
  });

  it("list() is not reported as complete where a page was refused", async () => {
    const { sandbox, open } = await scene();
    for (const name of ["ada", "bob"]) sandbox.createUser(name);
    const lifecycle = await open();
    const list = lifecycle.remote.list({ pageSize: 2 });
    await list.next();
    await list.next();
    sandbox.fail({ call: "listUsers", status: 400, body: { success: false, error: "skip is too large" } });
    expect(await list.next()).toMatchObject({ done: true, value: { users: 2, complete: false } });
    sandbox.fail({ call: "listUsers", status: 400, body: { success: false, error: "no" } });
    await expect(lifecycle.remote.list().next()).rejects.toMatchObject({ code: "BAD_ANSWER" });
    sandbox.fail({ call: "listUsers", status: 400, body: { success: false } });
    expect(await lifecycle.remote.find({ appUserId: "nobody" })).toBeNull();
  });

  it("list() pages by the names of the option pager", async () => {
    const pager = { skip: "_offset", limit: "_limit" };
    const { sandbox, open } = await scene({ pager });
    for (let index = 0; index < 7; index++) sandbox.createUser(`user ${index}`);
    const lifecycle = await open({ pager });
    const list = lifecycle.remote.list({ pageSize: 3 });
    for await (const _ of list);
    expect(list.walk).toEqual({ users: 7, calls: 3, complete: true });
    for (const wrong of [{ skip: "" }, { skip: "limit" }, { limit: "app_user_id" }, { page: "p" }]) {
      await expect(open({ pager: wrong })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    }
  });

  it("finds a user by either id, or returns null", async () => {
    const { sandbox, open } = await scene();
    const oneupUserId = sandbox.createUser("ada");
    const lifecycle = await open();
    expect(await lifecycle.remote.find({ appUserId: "ada" })).toEqual({
      appUserId: "ada",
      oneupUserId,
      active: true,
    });
    expect(await lifecycle.remote.find({ oneupUserId })).toMatchObject({ appUserId: "ada" });
    expect(await lifecycle.remote.find({ appUserId: "nobody" })).toBeNull();
    expect(await lifecycle.remote.find({ appUserId: "ada", oneupUserId })).toMatchObject({ oneupUserId });
    expect(await lifecycle.remote.find({ appUserId: "ada", oneupUserId: oneupUserId + 1 })).toBeNull();
    expect(await lifecycle.forecast()).toMatchObject({ used: 5 });
    await expect(lifecycle.remote.find({} as { appUserId: string })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
  });

  it("turns refusals into errors with codes", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    sandbox.fail({ call: "listUsers", status: 429, body: "", headers: { "retry-after": "7" } });
    await expect(lifecycle.remote.find({ appUserId: "a" })).rejects.toMatchObject({
      code: "RATE_LIMITED",
      retryAfterMs: 7_000,
    });
    const held = lifecycle.remote.find({ appUserId: "a" });
    await expect(held).rejects.toMatchObject({ code: "RATE_LIMITED", retryable: true });
    expect(sandbox.journal.count("listUsers"), "nothing is sent until the time is over").toBe(1);
    sandbox.clock.advance(7_001);
    sandbox.fail({ call: "listUsers", status: 500, body: "" });
    await expect(lifecycle.remote.find({ appUserId: "a" })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      retryable: true,
    });
  });
});
