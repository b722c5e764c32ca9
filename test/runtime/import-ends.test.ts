import { join } from "node:path";
import { memory } from "oneup-lifecycle/adapters/memory";
import type { ImportProgress } from "oneup-lifecycle";
import { describe, expect, it, vi } from "vitest";
import { altered } from "../support/altered.ts";
import { people, plenty } from "../support/people.ts";
import { folder, hurry, scene } from "../support/scene.ts";

describe("onboardMany() ends", () => {
  it("though a user was let go whose data cannot be erased yet", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open(plenty);
    for (const call of ["createUser", "issueAuthCode"] as const)
      sandbox.fail({ call, appUserId: "user 3", status: 503, times: Infinity });
    sandbox.fail({ call: "listUsers", status: 503, times: Infinity });
    hurry(sandbox, 1_000);
    const seen: ImportProgress[] = [];
    const onProgress = (progress: ImportProgress): void => void seen.push(progress);
    const importing = lifecycle.onboardMany(people(5), { name: "spring", expect: "new", onProgress });
    await vi.waitFor(() => expect(seen.at(-1)).toMatchObject({ phase: "onboarding", arrived: 4, left: 1 }));
    const letGo = await lifecycle.offboard("user 3", { purge: ["r4"], waitMs: 60_000 });
    expect(letGo).toMatchObject({ state: "identifying" });
    expect(await importing).toMatchObject({ phase: "done", arrived: 5, failed: 0, left: 0, unreadable: 0 });
  });

  it("once a held user is let go, and tells until then that it is held", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open(plenty);
    await lifecycle.account.pause({ reason: "a check", lane: "bulk" });
    hurry(sandbox, 1_000);
    const seen: ImportProgress[] = [];
    const onProgress = (progress: ImportProgress): void => void seen.push(progress);
    const importing = lifecycle.onboardMany(people(3), { name: "spring", expect: "new", onProgress });
    await vi.waitFor(() => expect(seen.at(-1)).toMatchObject({ phase: "onboarding", left: 3, waiting: 3 }));
    await lifecycle.hold("user 1", "a complaint");
    await lifecycle.account.unpause({ lane: "bulk" });
    await vi.waitFor(() => expect(seen.at(-1)).toMatchObject({ arrived: 2, left: 1, held: 1, endsAt: null }));
    expect(seen.filter(({ left, endsAt }) => left === 1 && endsAt !== null)).toEqual([]);
    await lifecycle.unhold("user 1");
    expect(await importing).toMatchObject({ arrived: 3, left: 0, held: 0, unreadable: 0 });
  });

  it("not before users have arrived that a leave waits for, which then takes them", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open(plenty);
    for (const call of ["createUser", "issueAuthCode"] as const)
      sandbox.fail({ call, appUserId: "user 3", status: 503, times: Infinity });
    hurry(sandbox, 1_000);
    const seen: ImportProgress[] = [];
    const onProgress = (progress: ImportProgress): void => void seen.push(progress);
    const importing = lifecycle.onboardMany(people(5), { name: "spring", expect: "new", onProgress });
    await vi.waitFor(() => expect(seen.at(-1)).toMatchObject({ phase: "onboarding", arrived: 4, left: 1 }));
    const waits = { name: "leave", onlyAfterExport: "all", allowPartialExport: true, count: 5 } as const;
    const leave = { ...waits, receipts: join(folder("receipts"), "receipts.ndjson") };
    expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ receipts: 0, waiting: 5 });
    const before = seen.length;
    await vi.waitFor(() => expect(seen.length).toBeGreaterThan(before));
    expect(seen.at(-1)).toMatchObject({ phase: "onboarding", arrived: 4, left: 1 });
    sandbox.clearFaults();
    expect(await importing).toMatchObject({ phase: "done", arrived: 5, left: 0 });
    expect(await lifecycle.inspect("user 3")).toMatchObject({ usable: true });
    await lifecycle.exportMany("all", { name: "all", write: folder("export"), types: ["Patient"] });
    expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ receipts: 5, closed: true });
  });

  it("not before a user has arrived that is in another state whenever its page is read", async () => {
    const { sandbox, open } = await scene();
    let pages = 0;
    const store = altered(memory(), () => ({
      async page() {
        pages++;
        if (pages === 3) sandbox.clearFaults();
        return [];
      },
    }));
    const lifecycle = await open({ ...plenty, store });
    sandbox.fail({ call: "createUser", appUserId: "user 3", status: 503, times: Infinity });
    sandbox.fail({ call: "issueAuthCode", appUserId: "user 3", status: 503, times: Infinity });
    hurry(sandbox, 1_000);
    const done = await lifecycle.onboardMany(people(5), { name: "spring", expect: "new" });
    expect(done).toMatchObject({ phase: "done", arrived: 5, left: 0, unreadable: 0 });
    expect(pages).toBeGreaterThan(2);
  });

  it("with hidden ids, though a record does not even name its user, and counts it", async () => {
    const { sandbox, open } = await scene();
    let commits = 0;
    const store = altered(memory(), ({ commit }) => ({
      commit: (one) => commit(++commits === 1 ? { ...one, value: "nonsense" } : one),
    }));
    const lifecycle = await open({ ...plenty, store, hideIds: true });
    hurry(sandbox);
    const done = await lifecycle.onboardMany(people(5), { name: "spring", expect: "new" });
    expect(done).toMatchObject({ phase: "done", added: 5, arrived: 4, left: 0 });
    expect(done).toMatchObject({ unreadable: 1, unreadableIds: [] });
    await expect(lifecycle.inspect("user 0")).rejects.toMatchObject({ code: "RECORD_DAMAGED" });

    expect(await lifecycle.reauthorize("user 0")).toMatchObject({ usable: true });
    const again = await lifecycle.onboardMany(people(5), { name: "spring", expect: "new" });
    expect(again).toMatchObject({ present: 5, left: 0, unreadable: 0 });
    expect(sandbox.journal.createdTwice()).toEqual([]);
  });

  it.each(["onboardMany", "adoptMany"] as const)(
    "at an abort though rows and store answer at once, and the rows never end (%s)",
    async (verb) => {
      const { open } = await scene();
      const lifecycle = await open(plenty);
      function* rows<T>(make: (number: number) => T): Generator<T> {
        for (let number = 0; ; number++) yield make(number);
      }
      const stop = new AbortController();
      setTimeout(() => stop.abort(new Error("enough")), 50);
      const { signal } = stop;
      const grant = { oneupUserId: 1, refreshToken: "refresh" };
      const importing =
        verb === "onboardMany"
          ? lifecycle.onboardMany(
              rows((number) => `user ${number}`),
              { name: "endless", expect: "new", signal },
            )
          : lifecycle.adoptMany(
              rows((number) => ({ appUserId: `user ${number}`, ...grant, oneupUserId: number + 1 })),
              { signal },
            );
      await expect(importing).rejects.toThrow("enough");
    },
  );
});
