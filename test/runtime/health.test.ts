import { describe, expect, it } from "vitest";
import { memory } from "oneup-lifecycle/adapters/memory";
import {
  createLifecycle,
  LifecycleError,
  type Lifecycle,
  type Store,
  type StoreAdapter,
} from "oneup-lifecycle";
import { createTestLifecycle, manualClock, type ManualClock } from "oneup-lifecycle/testing";
import { altered } from "../support/altered.ts";

const full = new LifecycleError("STORE_UNAVAILABLE", "Cannot write: full", { retryable: true });
const notWritable = { ready: false, problem: "STORE_UNAVAILABLE" };
const never = (): Promise<never> => new Promise(() => {});

/** On a clock that only the test moves. */
async function open(
  store: StoreAdapter,
): Promise<{ readonly lifecycle: Lifecycle; readonly clock: ManualClock }> {
  const clock = manualClock();
  const credentials = { clientId: "clientidclientid", clientSecret: "clientsecretclientsecret" };
  const transport = { send: never };
  return { clock, lifecycle: await createLifecycle({ credentials, store, clock, transport }) };
}

/** The store with these verbs, once `isOn()`. */
function troubled(isOn: () => boolean, verbs: (store: Store) => Partial<Store>): StoreAdapter {
  return altered(memory(), (store) =>
    Object.fromEntries(
      Object.entries(verbs(store)).map(([name, verb]) => [
        name,
        (...args: unknown[]) => {
          const own = Reflect.get(store, name) as ((...args: unknown[]) => unknown) | undefined;
          return isOn() ? (verb as (...args: unknown[]) => unknown)(...args) : own?.(...args);
        },
      ]),
    ),
  );
}

describe("health()", () => {
  it("answers after 500 ms that it is not ready, while the store answers nothing, and asks it once", async () => {
    let isOn = false;
    let asked = 0;
    const store = troubled(
      () => isOn,
      () => ({ tally: () => (asked++, never()), probe: never }),
    );
    const { lifecycle, clock } = await open(store);
    expect(await lifecycle.health()).toMatchObject({ ready: true, problem: null });
    isOn = true;
    await clock.advance(1_000);
    const answers: unknown[] = [];
    for (let n = 0; n < 3; n++) void lifecycle.health().then((answer) => answers.push(answer));
    await clock.advance(499);
    expect(answers).toEqual([]);
    await clock.advance(1);
    expect(answers).toHaveLength(3);
    for (const answer of answers) expect(answer).toMatchObject({ ...notWritable, storeMs: null });
    expect(asked).toBe(1);
  });

  it("names the last failure of a read, of the last minute, while the store answers nothing", async () => {
    let isOn = false;
    const store = troubled(
      () => isOn,
      () => ({
        load: () => Promise.reject(new LifecycleError("STORE_UNAVAILABLE", "Cannot read: ECONNREFUSED")),
        tally: never,
        probe: never,
      }),
    );
    const { lifecycle, clock } = await open(store);
    isOn = true;
    await expect(lifecycle.inspect("ada")).rejects.toThrow("ECONNREFUSED");
    const why: unknown[] = [];
    for (const waitMs of [2_000, 60_000]) {
      await clock.advance(waitMs);
      void lifecycle.health().then((answer) => why.push(answer.why));
      await clock.advance(500);
    }
    const silent = "Cannot determine the health: the memory store did not respond within 500 ms";
    expect(why).toEqual([`${silent}, after: Cannot read: ECONNREFUSED`, silent]);
  });

  it("a late refusal of the store is no unhandled rejection", async () => {
    let fail = (): void => {};
    let isOn = false;
    const late = (): Promise<never> => new Promise((_, reject) => (fail = () => reject(full)));
    const { lifecycle, clock } = await open(
      troubled(
        () => isOn,
        () => ({ tally: late }),
      ),
    );
    isOn = true;
    const answer = lifecycle.health();
    await clock.advance(500);
    expect(await answer).toMatchObject(notWritable);
    fail();
    isOn = false;
    await clock.advance(1_000);
    expect(await lifecycle.health()).toMatchObject({ ready: true, problem: null });
  });

  it("is not ready while the store can be read and takes no writes, and asks it at most once a second", async () => {
    let isOn = false;
    let asked = 0;
    const { lifecycle, clock } = await open(
      troubled(
        () => isOn,
        () => ({ probe: () => (asked++, Promise.reject(full)) }),
      ),
    );
    isOn = true;
    expect(await lifecycle.health()).toMatchObject({ ready: true }); // what was written when it was opened counts
    await clock.advance(1_000);
    const many = Array.from({ length: 20 }, () => lifecycle.health());
    for (const each of await Promise.all(many)) expect(each).toMatchObject(notWritable);
    expect((await lifecycle.health()).storeMs).toBe(0); // it answers
    expect(asked).toBe(1);
    isOn = false;
    await clock.advance(1_000);
    expect(await lifecycle.health()).toMatchObject({ ready: true, problem: null });
  });

  it("is not ready from the first write that failed until one succeeds, though the probe succeeds", async () => {
    let isFull = false;
    const refuse = (): Promise<never> => Promise.reject(full);
    const store = altered(memory(), ({ commit, account }) => ({
      commit: (one) => (isFull ? refuse() : commit(one)),
      account: { ...account, commit: (one) => (isFull ? refuse() : account.commit(one)) },
    }));
    const { lifecycle, clock } = await open(store);
    await clock.advance(5_000);
    expect(await lifecycle.health()).toMatchObject({ ready: true });
    isFull = true;
    const refused = lifecycle.onboard("ada", { waitMs: 0 }).catch((error: unknown) => error);
    await clock.advance(60_000);
    expect(await refused).toMatchObject({ code: "STORE_UNAVAILABLE" });
    for (let seconds = 0; seconds < 3; seconds++) {
      expect(await lifecycle.health()).toMatchObject(notWritable);
      await clock.advance(1_000);
    }
    isFull = false; // no caller writes: it finds out by itself
    expect(await lifecycle.health()).toMatchObject({ ready: true, problem: null });
  });

  it("of a store without a probe it learns by the first write that fails", async () => {
    let isAway = false;
    const without = altered(memory(), ({ probe: _, commit, ...store }) => ({
      ...store,
      probe: undefined as never,
      commit: (one) => (isAway ? Promise.reject(full) : commit(one)),
    }));
    const { lifecycle, clock } = await open(without);
    isAway = true;
    await clock.advance(2_000);
    expect(await lifecycle.health()).toMatchObject({ ready: true });
    await lifecycle.onboard("ada", { waitMs: 0 }).catch(() => {});
    expect(await lifecycle.health()).toMatchObject(notWritable);
  });

  it("is not ready once the lifecycle is closed, and that is no problem", async () => {
    const { lifecycle } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    await lifecycle.close();
    expect(await lifecycle.health()).toMatchObject({ ready: false, problem: null });
  });
});
