import { describe, expect, it } from "vitest";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { afterwards } from "../support/scene.ts";

const hour = 3_600_000;

async function world(): Promise<TestLifecycle> {
  const made = await createTestLifecycle();
  afterwards(() => made.close());
  return made;
}

/** An answer with this id, a number that is not its own, and a code that is worth nothing. */
const wrong = (oneupUserId: number) => ({
  status: 200,
  body: { success: true, code: "dead", oneup_user_id: oneupUserId, app_user_id: "ada", active: true },
});

describe("a number that came with a code which the token endpoint refuses", () => {
  it.each([false, true])("is corrected by a look-up at once (of another user: %s)", async (isOthers) => {
    const { lifecycle, sandbox } = await world();
    const oneupUserId = sandbox.createUser("ada");
    const other = isOthers ? sandbox.createUser("eve") : 999;
    sandbox.fail({ call: "issueAuthCode", ...wrong(other) });
    expect(await lifecycle.onboard("ada", { expect: "existing", waitMs: 60_000 })).toMatchObject({
      usable: true,
      oneupUserId,
    });
    expect(sandbox.journal.spent().management).toBe(3);
    expect(await lifecycle.history("ada")).toContainEqual(
      expect.objectContaining({ event: "NUMBER_CORRECTED", from: "locating", to: "reauthorizing" }),
    );
  });

  it.each([true, false])(
    "gives no user a wrong one where the answer stands for a create (carried out: %s)",
    async (commit) => {
      const { lifecycle, sandbox } = await world();
      sandbox.createUser("eve");
      sandbox.fail({ call: "createUser", commit, ...wrong(1001) });
      expect(await lifecycle.onboard("ada", { waitMs: hour })).toMatchObject({
        usable: true,
        oneupUserId: 1002,
      });
      expect(sandbox.users()).toHaveLength(2);
      expect(sandbox.journal.createdTwice()).toEqual([]);
    },
  );

  it("is looked up where the next answer names another one, though its code was not refused", async () => {
    const { lifecycle, sandbox } = await world();
    const oneupUserId = sandbox.createUser("ada");
    sandbox.fail({ call: "issueAuthCode", ...wrong(999) });
    sandbox.fail({ call: "exchangeCode", times: 2, status: 503 });
    expect(await lifecycle.onboard("ada", { expect: "existing", waitMs: hour })).toMatchObject({
      usable: true,
      oneupUserId,
    });
    expect(sandbox.journal.count("listUsers")).toBe(1);
    const { management } = sandbox.journal.spent();
    expect(management).toBeLessThanOrEqual(4);
  });

  it("is dropped where no code of it was exchanged, and 1upHealth does not know the id", async () => {
    const { lifecycle, sandbox } = await world();
    const eve = sandbox.createUser("eve");
    sandbox.fail({ call: "createUser", ...wrong(eve) });
    sandbox.fail({ call: "exchangeCode", times: 2, status: 503 });
    const ada = await lifecycle.onboard("ada", { waitMs: hour });
    expect(ada).toMatchObject({ usable: true });
    expect(ada.oneupUserId).not.toBe(eve);
    expect(sandbox.users()).toHaveLength(2);
  });

  it("costs no look-up where its code may only be spent", async () => {
    const { lifecycle, sandbox } = await world();
    sandbox.fail({ call: "exchangeCode", drop: "after" });
    expect(await lifecycle.onboard("ada", { waitMs: hour })).toMatchObject({ usable: true });
    expect(sandbox.journal.count("listUsers")).toBe(0);
  });

  it("is given up where 1upHealth does not list the id either, and the user is onboarded all the same", async () => {
    const { lifecycle, sandbox } = await world();
    const oneupUserId = sandbox.createUser("ada");
    sandbox.fail({ call: "issueAuthCode", ...wrong(999) });
    sandbox.fail({ call: "listUsers", times: 1, status: 200, body: { success: true, entry: [] } });
    expect(await lifecycle.onboard("ada", { expect: "existing", waitMs: hour })).toMatchObject({
      usable: true,
      oneupUserId,
    });
    expect(sandbox.journal.count("createUser")).toBe(0);
  });
});
