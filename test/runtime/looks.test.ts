import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import type { Store, StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { afterwards } from "../support/scene.ts";

const second = 1_000;
const minute = 60 * second;

/** How often the store was asked, by verb. */
type Asked = Record<"load" | "claim" | "grant", number>;

/** A store in memory that counts what it is asked. */
function counting(): { readonly store: StoreAdapter; readonly asked: Asked } {
  const asked: Asked = { load: 0, claim: 0, grant: 0 };
  const inner = memory();
  const over = (store: Store): Store => ({
    ...store,
    load: (id) => (asked.load++, store.load(id)),
    claim: (ask) => (asked.claim++, store.claim(ask)),
    grant: (ask) => (asked.grant++, store.grant(ask)),
  });
  const store = {
    ...inner,
    open: async (given: Parameters<typeof inner.open>[0]) => over(await inner.open(given)),
  };
  return { store, asked };
}

async function world(limit?: {
  readonly calls: number;
  readonly windowMs: number;
}): Promise<TestLifecycle & { readonly asked: Asked }> {
  const { store, asked } = counting();
  const made = await createTestLifecycle({
    lifecycle: { store, ...(limit && { limits: { management: limit } }) },
    ...(limit && { sandbox: { limit } }),
  });
  afterwards(() => made.close());
  return Object.assign(made, { asked });
}

describe("who waits for another process", () => {
  it("looks ever more seldom in a wait of hours, and not once a second", async () => {
    const { lifecycle, clock, asked } = await world({ calls: 1, windowMs: 240 * minute });
    await lifecycle.onboard("first");
    const before = { ...asked };
    const later = lifecycle.onboard("second", { waitMs: 300 * minute });
    await clock.advance(200 * minute);
    expect(asked.load - before.load).toBeLessThan(1_000);
    expect(asked.grant - before.grant).toBeLessThan(1_000);
    await clock.advance(60 * minute);
    expect(await later).toMatchObject({ usable: true });
  });

  it("looks now and then at a user whose account is throttled for minutes, and not once a second", async () => {
    const { lifecycle, sandbox, clock, asked } = await world();
    sandbox.fail({ call: "createUser", status: 429, headers: { "retry-after": "60" } });
    const before = { ...asked };
    const arrives = lifecycle.onboard("ada", { waitMs: 5 * minute });
    await clock.advance(55 * second);
    expect(asked.load - before.load).toBeLessThan(25);
    await clock.advance(3 * minute);
    expect(await arrives).toMatchObject({ usable: true });
  });
});
