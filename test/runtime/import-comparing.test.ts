import { describe, expect, it, vi } from "vitest";
import { people, plenty } from "../support/people.ts";
import { hurry, scene } from "../support/scene.ts";

describe("onboardMany() that does not know who exists", () => {
  it("reads 1upHealth's list first, so that no user costs two calls", async () => {
    const { sandbox, open } = await scene({ limit: { calls: 1_000 } });
    for (const id of people(230)) sandbox.createUser(id);
    const lifecycle = await open(plenty);
    const done = await lifecycle.onboardMany(people(200, 100), { name: "spring" });
    expect(done).toMatchObject({ added: 200, known: 130, arrived: 200 });
    expect(sandbox.journal.count("listUsers")).toBe(3);
    expect(sandbox.journal.spent().management).toBe(203);
    expect(sandbox.journal.createdTwice()).toEqual([]);
  });

  it("stops reading it where that saves nothing", async () => {
    const { sandbox, open } = await scene({ limit: { calls: 3_000 } });
    for (const id of people(2_000)) sandbox.createUser(`another's ${id}`);
    const lifecycle = await open(plenty);
    const done = await lifecycle.onboardMany(people(100), { name: "spring" });
    expect(done).toMatchObject({ known: 0, arrived: 100 });
    expect(sandbox.journal.count("listUsers")).toBeLessThanOrEqual(3);
  });

  it("does not read it for one user, nor a second time for the same import", async () => {
    const { sandbox, open } = await scene({ limit: { calls: 1_000 } });
    const lifecycle = await open(plenty);
    await lifecycle.onboardMany(["ada"], { name: "one" });
    expect(sandbox.journal.count("listUsers")).toBe(0);
    await lifecycle.onboardMany(people(10), { name: "ten" });
    await lifecycle.onboardMany(people(10), { name: "ten" });
    expect(sandbox.journal.count("listUsers")).toBe(1);
  });

  it("goes on without it when 1upHealth does not give it", async () => {
    const { sandbox, open } = await scene({ limit: { calls: 1_000 } });
    sandbox.fail({ call: "listUsers", status: 503, times: 100 });
    hurry(sandbox);
    const lifecycle = await open(plenty);
    expect(await lifecycle.onboardMany(people(10), { name: "ten" })).toMatchObject({ arrived: 10 });
    expect(sandbox.journal.count("listUsers")).toBeLessThanOrEqual(5);
  });

  it("lets a user that it holds and that a person asks for go first", async () => {
    const { sandbox, open } = await scene();
    const limits = { management: { calls: 2, windowMs: 60_000, lanes: { kept: 0 } } };
    const lifecycle = await open({ limits });
    const stop = new AbortController();
    const importing = lifecycle.onboardMany(people(10), {
      name: "spring",
      signal: stop.signal,
      onProgress: ({ phase }) => phase === "comparing" && stop.abort(),
    });
    await expect(importing).rejects.toThrow();
    await lifecycle.remote.find({ appUserId: "a" });
    await lifecycle.remote.find({ appUserId: "b" }); // no slot is left
    const again = lifecycle.onboardMany(people(10), { name: "spring", expect: "new" });
    const person = lifecycle.onboard("user 9", { waitMs: 60 * 60_000 });
    await vi.waitFor(async () =>
      expect((await lifecycle.budget.refresh()).waiting).toMatchObject({ interactive: 1 }),
    );
    hurry(sandbox, 1_000);
    expect(await person).toMatchObject({ usable: true });
    expect((await lifecycle.counts()).created).toBeGreaterThan(5);
    expect(await again).toMatchObject({ left: 0 });
  });

  it("in two processes at once keeps one account of the pages and of the users that they found", async () => {
    const { sandbox, open } = await scene({ limit: { calls: 1_000 } });
    for (const id of people(450)) sandbox.createUser(id);
    const [one, other] = [await open(plenty), await open(plenty)];
    const done = await Promise.all(
      [one, other].map((lifecycle) => lifecycle.onboardMany(people(450), { name: "spring" })),
    );
    expect(Math.max(...done.map(({ known }) => known))).toBe(450);
    expect(done.reduce((sum, { added }) => sum + added, 0)).toBe(450);
    expect(sandbox.journal.spent().management).toBe(450 + sandbox.journal.count("listUsers"));
    expect(sandbox.journal.count("listUsers")).toBeLessThanOrEqual(6);
  });

  it("leaves no user behind that was held for it when the process ended", async () => {
    const { sandbox, open } = await scene({ limit: { calls: 1_000 } });
    const stop = new AbortController();
    const lifecycle = await open(plenty);
    const importing = lifecycle.onboardMany(people(10), {
      name: "spring",
      signal: stop.signal,
      onProgress: ({ phase }) => phase === "comparing" && stop.abort(),
    });
    await expect(importing).rejects.toThrow();
    expect(await lifecycle.counts()).toEqual({ created: 10 });
    expect(await lifecycle.resume()).toMatchObject({ taken: 0 });
    sandbox.clock.advance(16 * 60_000);
    expect(await lifecycle.resume()).toMatchObject({ taken: 10 });
    expect(await lifecycle.counts()).toEqual({ tokenActive: 10 });
  });
});
