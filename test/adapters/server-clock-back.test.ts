/** A server's clock is set by administrators, too: what was written while it was ahead is looked at in time. */
import { expect, it } from "vitest";
import type { Store } from "../../src/store/contract.ts";
import { write } from "../support/commits.ts";
import { whenServersClockIsSet, type ServerWithClock } from "./server-clock.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const lease = { id: "lease", owner: "test", ms: 45_000 };

async function claimed(store: Store, leaseId = "lease"): Promise<readonly string[]> {
  const all: string[] = [];
  for (;;) {
    const { claimed } = await store.claim({ limit: 200, lease: { ...lease, id: leaseId } });
    if (claimed.length === 0) return all.toSorted();
    all.push(...claimed.map(({ record }) => record.id));
  }
}

function tests(server: () => Promise<ServerWithClock>): void {
  it.sequential.each([20 * minute, 2 * hour, day])(
    "looks in time at users that it wrote while the server's clock was %i ms ahead",
    async (by) => {
      const { clock, process, set } = await server();
      const [store, other] = [await process(), await process()];
      await store.commit(write("before", { dueInMs: 3 * minute }));
      for (const each of [store, other]) await claimed(each);
      await set(clock.now() + by);
      for (const each of [store, other]) await claimed(each);
      await clock.advance(10 * minute);
      await store.commit(write("ada", { dueInMs: 5 * minute }));
      await store.commit(write("cleo", { dueInMs: 3 * hour }));
      await store.commit(write("bob", { mode: "take", lease }));
      await store.commit(write("never", { dueInMs: null }));
      await set(clock.now() - by);
      const found = new Set<string>();
      const look = async (forMs: number): Promise<readonly string[]> => {
        for (let passed = 0; passed <= forMs; passed += 5 * minute) {
          for (const each of [store, other]) for (const id of await claimed(each, "next")) found.add(id);
          await clock.advance(5 * minute);
        }
        return [...found].toSorted();
      };
      // Where the jump was smaller than a lease may be long, a dead process's user waits for the jump, too.
      expect(await look(by < 2 * hour ? by + 10 * minute : 10 * minute)).toEqual(
        expect.arrayContaining(["ada", "bob"]),
      );
      expect(await look(3 * hour + 10 * minute)).toContain("cleo");
      expect(found.has("never")).toBe(false);
    },
  );

  it.sequential("puts hundreds right, a part with each look, and what is due later than that stays", async () => {
    const { clock, process, set } = await server();
    const store = await process();
    await claimed(store);
    await store.commit(write("in a week", { dueInMs: 7 * day }));
    await set(clock.now() + day);
    await claimed(store);
    const ids = Array.from({ length: 350 }, (_, index) => `user ${index}`);
    await Promise.all(ids.map((id) => store.commit(write(id, { dueInMs: minute }))));
    await set(clock.now() - day);
    const found: string[] = [];
    for (let looks = 0; looks < 20; looks++) {
      found.push(...(await claimed(store, `look ${looks}`)));
      await clock.advance(minute / 10);
    }
    expect(new Set(found)).toEqual(new Set(ids));
    const later = await store.load("in a week");
    expect(later.type === "record" && later.record.dueInMs).toBeGreaterThan(6.9 * day);
  });

  it.sequential("leaves a lease of now alone", async () => {
    const { clock, process, set } = await server();
    const [store, other] = [await process(), await process()];
    await claimed(store);
    await set(clock.now() + hour);
    await claimed(store);
    await clock.advance(3 * hour);
    await claimed(store);
    await set(clock.now() - hour);
    await other.commit(write("ada", { mode: "take", lease: { ...lease, ms: 30 * minute } }));
    for (let looks = 0; looks < 5; looks++) expect(await claimed(store, "next")).toEqual([]);
    await clock.advance(31 * minute);
    expect(await claimed(store, "next")).toEqual(["ada"]);
  });
}

whenServersClockIsSet("goes back", tests);
