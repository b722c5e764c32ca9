/** 1upHealth's list is not answered for hours while users are compared with it, or records move: what that costs. */
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import type { Fault, Sandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { people } from "../support/people.ts";
import { afterwards } from "../support/scene.ts";

const faults: readonly (readonly [string, Fault])[] = [
  ["is answered 503", { status: 503, body: "" }],
  ["is cut", { drop: "before" }],
];

async function world(): Promise<TestLifecycle> {
  const made = await createTestLifecycle({ autoAdvance: false });
  afterwards(() => made.close());
  return made;
}

/** How often the list is read within so many hours. */
async function readsIn({ clock, sandbox }: TestLifecycle, hours: number): Promise<number> {
  const before = sandbox.journal.count("listUsers");
  await clock.advance(hours * 3_600_000);
  return sandbox.journal.count("listUsers") - before;
}

async function renamedThere(sandbox: Sandbox, oneupUserId: number | null, to: string): Promise<void> {
  const { clientId: client_id, clientSecret: client_secret } = sandbox.credentials;
  const answer = await sandbox.fetch("https://api.1up.health/user-management/v1/user", {
    method: "PUT",
    headers: { client_id, client_secret },
    body: new URLSearchParams({ oneup_user_id: String(oneupUserId), app_user_id: to }),
  });
  expect(answer.status).toBe(200);
}

describe("reconcile() while 1upHealth's list", () => {
  it.each(faults)(
    "%s reads it about twenty times an hour, and ends once it is answered",
    async (_, fault) => {
      const made = await world();
      const { clock, lifecycle, sandbox } = made;
      sandbox.createUser("ada");
      sandbox.fail({ ...fault, call: "listUsers", times: Infinity });
      const reconciling = lifecycle.reconcile();
      expect(await readsIn(made, 1)).toBeLessThanOrEqual(36);
      const later = await readsIn(made, 3);
      expect(later).toBeGreaterThanOrEqual(3 * 11);
      expect(later).toBeLessThanOrEqual(3 * 25);
      sandbox.clearFaults();
      await clock.advance("6m");
      const { complete, calls } = await reconciling;
      expect({ complete, calls }).toEqual({ complete: true, calls: sandbox.journal.count("listUsers") });
    },
  );

  it("is not answered for look-ups of records that move tries one of them at a time", async () => {
    const made = await world();
    const { clock, lifecycle, sandbox } = made;
    for (const id of people(40)) {
      const onboarding = lifecycle.onboard(id);
      await clock.advance("1s");
      const { oneupUserId } = await onboarding;
      await renamedThere(sandbox, oneupUserId, `new ${id}`);
    }
    await clock.advance("1h");
    sandbox.fail({ call: "listUsers", status: 503, skip: 2, times: Infinity }); // the page with all, and the empty one
    const reconciling = lifecycle.reconcile({ repair: ["move"] });
    expect(await readsIn(made, 1)).toBeLessThanOrEqual(2 + 32 + 36);
    const later = await readsIn(made, 3);
    expect(later).toBeGreaterThanOrEqual(3 * 11);
    expect(later).toBeLessThanOrEqual(3 * 25);
    sandbox.clearFaults();
    await clock.advance("15m");
    expect(await reconciling).toMatchObject({ repaired: { moved: 40, left: 0 } });
  });
});
