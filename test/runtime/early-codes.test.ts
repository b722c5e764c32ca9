import { createLifecycle, fetchTransport, type Lifecycle } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards } from "../support/scene.ts";

/* A fresh code registers within a second, and until then 1upHealth answers it with a 503, as it answers a code that is spent. */

const early = { codeReadyMs: 1_000, spentCode: 503 } as const;
const down = { call: "exchangeCode", status: 503, body: { error: "server_error" }, times: 100_000 } as const;
const ids = ["ada", "bob", "eve", "joe"];

async function world(seed: number): Promise<TestLifecycle> {
  const made = await createTestLifecycle({ sandbox: { ...early, seed } });
  afterwards(() => made.close());
  return made;
}

/** Another process on the same store. */
async function beside({ sandbox, store, clock }: TestLifecycle): Promise<Lifecycle> {
  const transport = fetchTransport((request, options) => sandbox.fetch(new Request(request, options)));
  const lifecycle = await createLifecycle({ credentials: sandbox.credentials, store, clock, transport });
  afterwards(() => lifecycle.close());
  return lifecycle;
}

/** Users whose codes have passed while the token endpoint was down. */
async function outage({ lifecycle, sandbox, clock }: TestLifecycle): Promise<void> {
  sandbox.fail(down);
  for (const id of ids) await lifecycle.onboard(id, { waitMs: 0 });
  void lifecycle.work();
  await clock.advance("3h");
  expect((await lifecycle.health()).shut).toMatchObject([{ gate: "exchange", reason: "unavailable" }]);
  sandbox.clearFaults();
}

describe("a fresh code that is answered 503 until it has registered", () => {
  it.each([1, 2, 3, 4])(
    "is presented again once it has, by whichever process, and costs no second one (dice %i)",
    async (seed) => {
      const stage = await world(seed);
      const other = await beside(stage);
      for (const id of ids) {
        const both = [stage.lifecycle, other].map((each) => each.onboard(id, { waitMs: 60_000 }));
        await stage.clock.advance("1m"); // of those who wait, it counts one process alone
        await Promise.all(both);
        expect(await other.inspect(id)).toMatchObject({ state: "tokenActive" });
      }
      expect(stage.sandbox.journal.spent()).toMatchObject({
        management: ids.length,
        token: 2 * ids.length + 1,
      }); // one without a code
    },
  );

  it.each([1, 2, 3, 4])(
    "does not keep the account shut after the token endpoint was down (dice %i)",
    async (seed) => {
      const stage = await world(seed);
      await outage(stage);
      await stage.clock.advance("2h");
      expect((await stage.lifecycle.health()).shut).toEqual([]);
      for (const id of ids) expect(await stage.lifecycle.inspect(id)).toMatchObject({ usable: true });
    },
  );

  it("holds up no process that closes", async () => {
    const stage = await world(1);
    const { lifecycle, sandbox, clock } = stage;
    await outage(stage);
    const presented = (): number => sandbox.journal.count("exchangeCode");
    const codes = sandbox.journal.spent().management;
    while (sandbox.journal.spent().management === codes) await clock.advance(500);
    const before = [clock.now(), presented()];
    await lifecycle.close();
    expect([clock.now(), presented()]).toEqual(before);
  });
});
