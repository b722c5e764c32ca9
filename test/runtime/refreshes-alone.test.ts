/** 1upHealth refreshes no tokens for hours, while all else of it works: what that costs, and what comes after it. */
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import type { Fault } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { oneIn, thorough } from "../support/effort.ts";
import { people } from "../support/people.ts";
import { afterwards, working } from "../support/scene.ts";

const hour = 3_600_000;

const answers: Readonly<Record<string, Fault>> = {
  "are answered 503": { status: 503, body: { error: "server_error" } },
  "are cut": { drop: "before" },
  "are silent": { delayMs: 3 * hour },
};
const cases = oneIn(3, Object.entries(answers));

/** How many hours the refreshes of all fail, and how often one user's work again. */
const hours = thorough ? 4 : 1;
const rounds = thorough ? 4 : 1;

/** Users whose tokens have run out, and a worker. */
async function world(users: number): Promise<TestLifecycle> {
  const made = await createTestLifecycle();
  afterwards(() => made.close());
  working(made.lifecycle);
  for (const id of people(users)) await made.lifecycle.onboard(id);
  await made.clock.advance("3h");
  return made;
}

/** How many get a token within a second. */
async function served({ lifecycle }: TestLifecycle, ids: readonly string[]): Promise<number> {
  const asked = ids.map((id) => lifecycle.accessToken(id, { waitMs: 1_000 }).then(Boolean, () => false));
  return (await Promise.all(asked)).filter(Boolean).length;
}

describe("refreshes that", () => {
  it.each(cases)("%s for all are tried by one user after the other", async (_, fault) => {
    const made = await world(60);
    const { clock, lifecycle, sandbox } = made;
    sandbox.fail({ ...fault, call: "refreshToken", times: Infinity });
    expect(await served(made, people(60))).toBe(0);
    await clock.advance("1h");
    const before = sandbox.journal.count("refreshToken");
    await clock.advance(hours * hour);
    // One in five seconds at most. Each on its own would come to 24 an hour, 1,440 of all.
    expect(sandbox.journal.count("refreshToken") - before).toBeLessThanOrEqual(hours * 720);
    expect(await lifecycle.onboard("newcomer")).toMatchObject({ usable: true });
    sandbox.clearFaults();
    await clock.advance("6m");
    expect(await served(made, people(60))).toBe(60);
  });

  it("work again for one user come to its turn, though those of the others fail", async () => {
    const made = await world(30);
    const [healed = "", ...others] = people(30);
    for (const appUserId of people(30))
      made.sandbox.fail({ call: "refreshToken", appUserId, status: 503, times: Infinity });
    expect(await served(made, people(30))).toBe(0);
    for (let round = 0; round < rounds; round++) {
      await made.clock.advance("31m");
      made.sandbox.clearFaults();
      for (const appUserId of others)
        made.sandbox.fail({ call: "refreshToken", appUserId, status: 503, times: Infinity });
      await made.clock.advance("10m"); // its own wait, of five minutes at most, and that for its turn
      expect(await served(made, [healed])).toBe(1);
      made.sandbox.fail({ call: "refreshToken", status: 503, times: Infinity });
      await made.clock.advance("3h");
      expect(await served(made, [healed])).toBe(0);
    }
  });

  it.each([{ response: "truncated" }, { status: 200, body: "" }, { status: 503 }] as const)(
    "are answered with %j do not let the endpoint pass as one that works",
    async (fault) => {
      const { lifecycle, sandbox } = await world(1);
      sandbox.fail({ ...fault, call: "refreshToken", times: Infinity });
      await lifecycle.accessToken(people(1)[0] ?? "", { waitMs: 0 }).catch(() => {});
      const { endpoints } = await lifecycle.health();
      expect(endpoints.find(({ endpoint }) => endpoint === "token")).toMatchObject({ works: false });
    },
  );

  it("fail for ten users hold up no other", async () => {
    const made = await world(40);
    const [culprits, others] = [people(40).slice(0, 10), people(40).slice(10)];
    for (const appUserId of culprits)
      made.sandbox.fail({ call: "refreshToken", appUserId, status: 503, times: Infinity });
    expect(await served(made, culprits)).toBe(0);
    await made.clock.advance("1h");
    expect(await served(made, culprits)).toBe(0);
    expect(await served(made, others)).toBe(30);
  });
});
