/** A store that goes back under running processes: restored, or failed over to a replica that lagged. */
import { createLifecycle, type AccountRecord, type StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it, vi } from "vitest";
import { altered } from "../support/altered.ts";
import { warningsIn } from "../support/loggers.ts";
import { afterwards } from "../support/scene.ts";

const credentials = { clientId: "client", clientSecret: "secret" };
const about = (warnings: readonly string[]): readonly string[] =>
  warnings.filter((line) => line.includes("has lost writes that it had acknowledged"));

/** A lifecycle whose store answers reads of the account's record as a test has it. */
async function scene() {
  const warnings: string[] = [];
  let answer = (found: AccountRecord | null): AccountRecord | null | Promise<AccountRecord | null> => found;
  const store: StoreAdapter = altered(memory(), ({ account }) => ({
    account: { ...account, load: async () => answer(await account.load()) },
  }));
  const lifecycle = await createLifecycle({ credentials, store, logger: warningsIn(warnings) });
  afterwards(() => lifecycle.close());
  await lifecycle.account.pause({ lane: "bulk", reason: "list" });
  return { lifecycle, warnings, answers: (how: typeof answer) => void (answer = how) };
}

const back = (found: AccountRecord | null): AccountRecord | null => found && { ...found, revision: 1 };

describe("a store that has lost writes", () => {
  it("is noticed by the first read that goes back, logged once, and named by health(); the process goes on", async () => {
    const { lifecycle, warnings, answers } = await scene();
    expect(await lifecycle.health()).toMatchObject({ ready: true, lostWritesAt: null });
    answers(back);
    for (let times = 0; times < 3; times++) await lifecycle.health();
    expect(about(warnings)).toEqual([expect.stringMatching(/back from revision \d+ to 1.*deployment\.md/)]);
    expect(await lifecycle.health()).toMatchObject({ ready: true, lostWritesAt: expect.any(Date) });
  });

  it("is not one whose answer to an earlier read arrives late", async () => {
    const { lifecycle, warnings, answers } = await scene();
    const late: (() => void)[] = [];
    answers((found) => new Promise((resolve) => late.push(() => resolve(found))));
    const first = lifecycle.health();
    await vi.waitFor(() => expect(late).not.toEqual([]));
    answers((found) => found);
    await lifecycle.account.pause({ lane: "recovery", reason: "list" });
    for (const go of late) go();
    await first;
    await lifecycle.health();
    expect(about(warnings)).toEqual([]);
    expect(await lifecycle.health()).toMatchObject({ lostWritesAt: null });
  });
});
