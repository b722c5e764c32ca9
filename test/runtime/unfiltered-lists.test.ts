import { describe, expect, it } from "vitest";
import { fetchTransport } from "oneup-lifecycle";
import type { SandboxOptions } from "oneup-lifecycle/sandbox";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { afterwards, scene } from "../support/scene.ts";

const hour = 3_600_000;

/** A test lifecycle beside others at 1upHealth, who come first in its list. */
async function among(others: number, sandbox: SandboxOptions = {}): Promise<TestLifecycle> {
  const { clock: _, waitOn: __, ...options } = sandbox;
  const world = await createTestLifecycle({ sandbox: options });
  afterwards(() => world.close());
  for (let index = 0; index < others; index++) world.sandbox.createUser(`other ${index}`);
  return world;
}

const lists = ({ sandbox }: Pick<TestLifecycle, "sandbox">) => sandbox.journal.count("listUsers");

describe("remote.find() where 1upHealth does not apply the filter", () => {
  it("asks with the parameters in the body, as the guide does, and next time begins so", async () => {
    const world = await among(3, { filter: "body" });
    const { lifecycle, sandbox } = world;
    const oneupUserId = sandbox.createUser("ada");
    expect(await lifecycle.remote.find({ appUserId: "ada" })).toMatchObject({ oneupUserId });
    expect(lists(world), "ada was in the list, among others: an answer").toBe(1);
    sandbox.behave({ pager: { skip: "from", limit: "size" } });
    for (let index = 0; index < 100; index++) sandbox.createUser(`later ${index}`);
    const last = sandbox.createUser("eve");
    expect(await lifecycle.remote.find({ oneupUserId: last })).toMatchObject({ appUserId: "eve" });
    expect(lists(world)).toBe(3);
    expect(await lifecycle.remote.find({ appUserId: "nobody" })).toBeNull();
    expect(lists(world), "the form that works is remembered").toBe(4);
  });

  it("reads the list page by page where it is never applied, one management call each", async () => {
    const world = await among(250, { filter: "never" });
    const { lifecycle, sandbox } = world;
    const oneupUserId = sandbox.createUser("ada");
    expect(await lifecycle.remote.find({ appUserId: "ada" })).toMatchObject({ oneupUserId });
    expect(lists(world)).toBe(5); // the query, the body, three pages
    expect(await lifecycle.remote.find({ appUserId: "nobody" })).toBeNull();
    expect(lists(world), "within the hour it begins with the pages").toBe(8);
  });

  it("is in doubt, and not null, where the list does not page either", async () => {
    const world = await among(120, { filter: "never", pager: false });
    await expect(world.lifecycle.remote.find({ appUserId: "nobody" })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      retryable: true,
    });
    expect(await world.lifecycle.remote.find({ appUserId: "other 7" })).toMatchObject({
      appUserId: "other 7",
    });
  });

  it("finds no user where all come at once, and the user is not among them", async () => {
    const { lifecycle } = await among(123, { filter: "never", pager: "all" });
    expect(await lifecycle.remote.find({ appUserId: "nobody" })).toBeNull();
  });

  it("is in doubt after one call more where the server answers with the last page beyond the end", async () => {
    const world = await among(0);
    const page = (from: number) => ({
      success: true,
      entry: Array.from({ length: 100 }, (_, n) => ({
        oneup_user_id: from + n,
        app_user_id: `other ${from + n}`,
        active: true,
      })),
    });
    const full = { call: "listUsers", status: 200 } as const;
    world.sandbox.fail({ ...full, times: 3, body: page(1_000) }); // the query, the body, the first page
    world.sandbox.fail({ ...full, times: 30, body: page(1_100) });
    await expect(world.lifecycle.remote.find({ appUserId: "nobody" })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      retryable: true,
    });
    expect(lists(world)).toBe(5);
  });

  it("goes on to the pages where a GET with a body is refused, or cannot be sent", async () => {
    for (const status of [400, 403, 413]) {
      const { lifecycle, sandbox } = await among(2, { filter: "never" });
      sandbox.fail({
        call: "listUsers",
        times: 1,
        status: 200,
        body: { success: true, entry: [{ oneup_user_id: 9 }] },
      });
      sandbox.fail({ call: "listUsers", times: 1, status, body: { message: "Bad Request" } });
      expect(await lifecycle.remote.find({ appUserId: "other 1" })).toMatchObject({ appUserId: "other 1" });
      expect(await lifecycle.health()).toMatchObject({ ready: true });
    }
    const { sandbox, open } = await scene({ filter: "body" });
    for (const name of ["bob", "eve"]) sandbox.createUser(name);
    const lifecycle = await open({ transport: fetchTransport() });
    expect(await lifecycle.remote.find({ appUserId: "ada" })).toBeNull();
    expect(sandbox.journal.count("listUsers")).toBe(3);
  });
});

describe("offboard({ purge }) where 1upHealth does not apply the filter", () => {
  it.each(["body", "never"] as const)("purges the user all the same (filter: %s)", async (filter) => {
    const { lifecycle, sandbox } = await among(150, { filter });
    await lifecycle.onboard("ada");
    await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
    expect(await lifecycle.offboard("ada", { purge: ["r4"], waitMs: hour })).toMatchObject({
      state: "offboarded",
      purge: { done: ["r4"], left: [] },
    });
    expect(sandbox.journal.count("fhir.purge")).toBe(1);
  });

  it("does not end on a list that shows others and cannot be read to its end", async () => {
    const world = await among(120, { filter: "never", pager: false });
    await world.lifecycle.onboard("ada");
    const status = await world.lifecycle.offboard("ada", { purge: ["r4"], waitMs: 10 * hour });
    expect(status).toMatchObject({ state: "identifying", pause: { reason: "otherUsers" } });
    expect(lists(world), "it asks later and later").toBeLessThan(40);
    world.sandbox.behave({ filter: "always" });
    await world.clock.advance("7h");
    await world.lifecycle.resume();
    await world.clock.advance("1h");
    expect(await world.lifecycle.offboard("ada", { purge: ["r4"], waitMs: 10 * hour })).toMatchObject({
      state: "offboarded",
      purge: { done: ["r4"] },
    });
  });

  it("goes on where it was after a crash, page by page", async () => {
    const world = await among(450, { filter: "never" });
    await world.lifecycle.onboard("ada");
    await world.crash({ before: "listUsers", nth: 6 }, () =>
      world.lifecycle.offboard("ada", { purge: ["r4"], waitMs: hour }),
    );
    const before = lists(world);
    const next = await world.restart();
    expect(await next.offboard("ada", { purge: ["r4"], waitMs: hour })).toMatchObject({
      state: "offboarded",
      purge: { done: ["r4"] },
    });
    expect(lists(world) - before, "the page that was cut off, and the last one").toBeLessThanOrEqual(2);
  });

  it("calls nothing erased that 1upHealth refuses to list without a word", async () => {
    const { lifecycle, sandbox } = await among(2, { noMatch: 400 });
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "listUsers", times: 1, status: 400, body: { success: false } });
    expect(await lifecycle.offboard("ada", { purge: ["r4"], waitMs: hour })).toMatchObject({
      purge: { done: ["r4"] },
    });
  });
});

describe("rename() in doubt where 1upHealth does not apply the filter", () => {
  it.each(["body", "never"] as const)("moves the record if it was done (filter: %s)", async (filter) => {
    const world = await among(150, { filter });
    const { lifecycle, sandbox } = world;
    const { oneupUserId } = await lifecycle.onboard("ada");
    sandbox.fail({ call: "updateUser", drop: "after" });
    await lifecycle.rename("ada", "new", { waitMs: hour });
    expect(await lifecycle.inspect("new")).toMatchObject({ oneupUserId, usable: true, underWay: null });
  });

  it("costs one look-up, also when a worker runs in the same process", async () => {
    const world = await among(0);
    const { lifecycle, sandbox } = world;
    await lifecycle.onboard("ada");
    const stop = new AbortController();
    const work = lifecycle.work({ signal: stop.signal });
    afterwards(async () => {
      stop.abort();
      await work;
    });
    for (const [from, to] of [
      ["ada", "eve"],
      ["eve", "ida"],
      ["ida", "ada"],
    ] as const) {
      sandbox.fail({ call: "listUsers", delayMs: 8_000 }); // time enough for the worker to take the user up
      sandbox.fail({ call: "updateUser", drop: "after" });
      await lifecycle.rename(from, to, { waitMs: hour });
    }
    expect(lists(world)).toBe(3);
  });
});

describe("a user who is located where 1upHealth does not apply the filter", () => {
  it("is not created a second time", async () => {
    const { lifecycle, sandbox } = await among(150, { filter: "never" });
    await lifecycle.onboard("ada");
    sandbox.fail({
      call: "issueAuthCode",
      times: 1,
      status: 404,
      body: { success: false, error: "this user does not exist" },
    });
    expect(await lifecycle.reauthorize("ada", { waitMs: hour })).toMatchObject({ usable: true });
    expect(sandbox.journal.count("createUser")).toBe(1);
  });
});
