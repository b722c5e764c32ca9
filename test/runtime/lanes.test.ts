import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it, vi } from "vitest";
import { accountOf } from "../../src/store/account-of.ts";
import { altered } from "../support/altered.ts";
import { hurry, scene } from "../support/scene.ts";

const id = "ada@example.org";

describe("onboard() of a user in a lane", () => {
  it("brings home, without any worker, a user that a worker was granted a slot for before it died", async () => {
    const { sandbox, open } = await scene();
    const adapter = memory();
    const limits = { management: { calls: 1, windowMs: 60_000 } };
    const lifecycle = await open({ store: adapter, limits });
    await lifecycle.onboard("first");
    await lifecycle.onboard(id, { waitMs: 0 });
    const account = accountOf(sandbox.credentials.clientId);
    const store = await adapter.open({ account, clock: sandbox.clock });
    sandbox.clock.advance(2 * 60_000);
    const limit = { name: "management", ...limits.management };
    const lease = { id: "whose process is gone", owner: "nobody", ms: 1_000 };
    expect((await store.grant({ limit, max: 1, holdMs: 40_000, lease })).claimed).toHaveLength(1);
    sandbox.clock.advance(5 * 60_000);
    expect(await lifecycle.onboard(id, { waitMs: 5_000 })).toMatchObject({ usable: true });
  });

  it("brings a user forward that a worker was running when the person asked", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({
      limits: { management: { calls: 1, windowMs: 60_000, lanes: { reserved: 0 } } },
    });
    await lifecycle.onboard("first");
    await lifecycle.onboard("second", { lane: "bulk", waitMs: 0 });
    const waitMs = 3_600_000;
    const first = lifecycle.onboard(id, { lane: "bulk", waitMs });
    const second = lifecycle.onboard(id, { waitMs });
    await vi.waitFor(async () => {
      expect((await lifecycle.budget.refresh()).waiting).toEqual({ interactive: 1, recovery: 0, bulk: 1 });
    });
    hurry(sandbox);
    expect(await Promise.all([first, second])).toMatchObject([{ usable: true }, { usable: true }]);
  });

  it("goes on waiting for a slot, and gets it, though the store refused once to grant one", async () => {
    const { sandbox, open } = await scene();
    let refusals = 0;
    const store = altered(memory(), ({ grant }) => ({
      grant: (ask) => (refusals++ === 0 ? Promise.reject(new Error("once")) : grant(ask)),
    }));
    const lifecycle = await open({ store, limits: { management: { calls: 1, windowMs: 60_000 } } });
    await lifecycle.onboard("first");
    hurry(sandbox);
    expect(await lifecycle.onboard(id, { waitMs: 3_600_000 })).toMatchObject({ usable: true });
    expect(refusals).toBeGreaterThan(1);
  });
});
