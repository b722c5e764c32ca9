import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it, vi } from "vitest";
import { people, plenty } from "../support/people.ts";
import { oneIn, thorough } from "../support/effort.ts";
import { hurry, scene, spentOn } from "../support/scene.ts";

const minute = 60_000;

describe("onboardMany() that does not know who exists", () => {
  const pagers = [
    { server: "pages as requested", pager: { skip: "skip", limit: "limit" }, known: 129, pages: 2 },
    { server: "gives 100 users at most", pager: { skip: "skip", limit: "top" }, known: 129, pages: 3 },
    { server: "gives all users at once", pager: "all", known: 129, pages: 2 },
    { server: "gives the same page always", pager: false, known: 0, pages: 2 },
  ] as const;
  it.each(oneIn(2, pagers))(
    "reads 1upHealth's list with the rows, where the server $server",
    async (each) => {
      const { pager, known, pages } = each;
      const { sandbox, open } = await scene({ limit: { calls: 1_000 }, pager });
      for (const id of people(230)) sandbox.createUser(id);
      const lifecycle = await open(plenty);
      const done = await lifecycle.onboardMany(people(200, 100), { name: "spring" });
      expect(done).toMatchObject({ added: 200, known, arrived: 200 });
      expect(sandbox.journal.count("listUsers")).toBe(pages);
      // The first row is not looked for: a list of one is not worth a page.
      expect(sandbox.journal.spent().management).toBe(200 + pages + (130 - known));
      expect(sandbox.journal.createdTwice()).toEqual([]);
    },
  );

  it("asks for smaller pages after one that it does not get", async () => {
    const { sandbox, open } = await scene({ limit: { calls: 1_000 } });
    for (const id of people(150)) sandbox.createUser(id);
    sandbox.fail({ call: "listUsers", status: 400, body: { success: false, error: "limit is too large" } });
    hurry(sandbox);
    const lifecycle = await open(plenty);
    const done = await lifecycle.onboardMany(people(100), { name: "spring" });
    expect(done).toMatchObject({ added: 100, known: 99, arrived: 100 });
    expect(sandbox.journal.count("listUsers")).toBe(2);
  });

  it("stops reading it where that saves nothing", async () => {
    const { sandbox, open } = await scene({ limit: { calls: 3_000 } });
    for (const id of people(2_000)) sandbox.createUser(`another's ${id}`);
    const lifecycle = await open(plenty);
    const done = await lifecycle.onboardMany(people(100), { name: "spring" });
    expect(done).toMatchObject({ known: 0, arrived: 100 });
    expect(sandbox.journal.count("listUsers")).toBeLessThanOrEqual(2);
  });

  it("reads a long list to its end where many of its users are in it", async () => {
    const { lifecycle, sandbox } = await createTestLifecycle({
      sandbox: { limit: { calls: 10_000 } },
      lifecycle: plenty,
    });
    const listed = thorough ? 3_000 : 1_200;
    const rows = (2 / 3) * listed;
    for (const id of people(listed).toReversed()) sandbox.createUser(id);
    const { known } = await lifecycle.onboardMany(people(rows), { name: "spring" });
    expect(known).toBeGreaterThan(0.9 * rows);
    expect(sandbox.journal.spent().management).toBeLessThan(1.1 * rows + listed / 100);
  });

  it("reads it neither for one user nor for users that are here", async () => {
    const { sandbox, open } = await scene({ limit: { calls: 1_000 } });
    const lifecycle = await open(plenty);
    await lifecycle.onboardMany(["ada"], { name: "one" });
    expect(sandbox.journal.count("listUsers")).toBe(0);
    await lifecycle.onboardMany(people(10), { name: "ten" });
    await lifecycle.onboardMany(people(11), { name: "ten" });
    expect(sandbox.journal.count("listUsers")).toBe(1);
  });

  it("goes on without it when 1upHealth does not give it", async () => {
    const { sandbox, open } = await scene({ limit: { calls: 1_000 } });
    sandbox.fail({ call: "listUsers", status: 503, times: 100 });
    hurry(sandbox);
    const lifecycle = await open(plenty);
    expect(await lifecycle.onboardMany(people(10), { name: "ten" })).toMatchObject({ arrived: 10 });
    expect(sandbox.journal.count("listUsers")).toBe(1);
  });

  it("waits for a page as long as the limit has no slot, which its users would wait for, too", async () => {
    const limits = { management: { calls: 2, windowMs: 60 * minute, lanes: { reserved: 0 } } };
    const { lifecycle, sandbox, clock } = await createTestLifecycle({ lifecycle: { limits } });
    // The first row is not looked for: a list of one is not worth a page.
    for (const id of people(3).slice(1)) sandbox.createUser(id);
    for (const appUserId of ["a", "b"]) await lifecycle.remote.find({ appUserId });
    let readAt = Infinity;
    const done = await lifecycle.onboardMany(people(3), {
      name: "three",
      onProgress: ({ phase }) => phase === "onboarding" && (readAt = Math.min(readAt, clock.monotonic())),
    });
    expect(done).toMatchObject({ added: 3, known: 2, arrived: 3 });
    expect(readAt / minute).toBeGreaterThanOrEqual(60);
    expect(readAt / minute).toBeLessThan(62);
  });

  it("waits for ten minutes at most for pages that it does not get", async () => {
    const { lifecycle, sandbox, clock } = await createTestLifecycle({ sandbox: { limit: { calls: 1_000 } } });
    sandbox.fail({ call: "listUsers", status: 503, times: 1_000 });
    let readAt = Infinity;
    const done = await lifecycle.onboardMany(people(800), {
      name: "many",
      onProgress: ({ phase }) => phase === "onboarding" && (readAt = Math.min(readAt, clock.monotonic())),
    });
    expect(done).toMatchObject({ added: 800, known: 0, arrived: 800 });
    expect(readAt / minute).toBeLessThan(12);
    expect(sandbox.journal.count("listUsers")).toBeGreaterThan(1);
  });

  it("stopped while it waits for a page leaves the rest to the next process, which goes on at once", async () => {
    const { sandbox, open } = await scene({ limit: { calls: 1_000 } });
    const first = await open(plenty);
    const stop = new AbortController();
    sandbox.fail({ call: "listUsers", delayMs: minute });
    const importing = first.onboardMany(people(20), { name: "spring", signal: stop.signal });
    await vi.waitFor(async () => expect((await first.budget.refresh()).used.recovery).toBe(1));
    stop.abort(new Error("enough for today"));
    await expect(importing).rejects.toThrow("enough for today");
    const second = await (await open(plenty)).onboardMany(people(20), { name: "spring" });
    expect(second).toMatchObject({ read: 20, left: 0 });
  });

  it("in two processes at once reads it for those users that each of them adds", async () => {
    const { sandbox, open } = await scene({ limit: { calls: 1_000 } });
    const many = thorough ? 450 : 250;
    for (const id of people(many)) sandbox.createUser(id);
    const both = [await open(plenty), await open(plenty)];
    const done = await Promise.all(
      both.map((lifecycle) => lifecycle.onboardMany(people(many), { name: "spring" })),
    );
    expect(done.reduce((sum, { added }) => sum + added, 0)).toBe(many);
    const pages = sandbox.journal.count("listUsers");
    expect(pages).toBeLessThanOrEqual(10);
    expect(sandbox.journal.spent().management - pages).toBeLessThanOrEqual(many + 2);
  });
});

describe("onboardMany() with a function that knows who exists", () => {
  it("asks it about each user that it adds, and reads no list", async () => {
    const { sandbox, open } = await scene();
    sandbox.createUser("ada");
    const lifecycle = await open();
    const asked: string[] = [];
    const knows = (id: string): "new" | "existing" => (asked.push(id), id === "ada" ? "existing" : "new");
    await lifecycle.onboardMany(["ada", "bob"], { name: "spring", expect: knows });
    await lifecycle.onboardMany(["ada", "bob"], { name: "spring", expect: knows });
    expect(asked).toEqual(["ada", "bob"]);
    expect(spentOn(sandbox, "ada")).toEqual(["issueAuthCode"]);
    expect(spentOn(sandbox, "bob")).toEqual(["createUser"]);
    expect(sandbox.journal.count("listUsers")).toBe(0);
  });

  it("rejects a row for which it returns something else, and with what it throws", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    const odd = (): never => "perhaps" as never;
    const { rejects } = await lifecycle.onboardMany(["ada"], { name: "odd", expect: odd });
    expect(rejects).toMatchObject([{ row: 1, code: "INVALID_OPTION" }]);
    const broken = (): never => {
      throw new Error("no database");
    };
    const importing = lifecycle.onboardMany(["ada"], { name: "broken", expect: broken });
    await expect(importing).rejects.toThrow("no database");
  });
});
