import { createTestLifecycle, type TestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards, scene } from "../support/scene.ts";

const minute = 60_000;

async function world(options: TestLifecycleOptions = {}): Promise<TestLifecycle> {
  const opened = await createTestLifecycle(options);
  afterwards(() => opened.close());
  return opened;
}

describe("a call that belongs to no user's record", () => {
  it("gets its slot after the users in the lanes, although no worker runs", async () => {
    const { lifecycle, sandbox, clock } = await world({
      lifecycle: { limits: { management: { calls: 1, windowMs: minute } } },
    });
    await lifecycle.onboard("first");
    await lifecycle.onboard("second", { waitMs: 0 });
    const late = new AbortController();
    clock.timer(10 * minute, () => late.abort(new Error("it got no slot")));
    const { signal } = late;
    const found = await lifecycle.remote.find({ appUserId: "second" }, { signal });
    expect(found).toMatchObject({ appUserId: "second" });
    const sent = sandbox.journal.entries().map(({ call }) => call);
    expect(sent.filter((call) => call === "createUser" || call === "listUsers")).toEqual([
      "createUser",
      "createUser",
      "listUsers",
    ]);
  });

  it("is sent again if the secret that was refused has been replaced", async () => {
    const { sandbox, open } = await scene();
    const { clientId } = sandbox.credentials;
    let clientSecret = "yesterday's";
    const lifecycle = await open({ credentials: () => ({ clientId, clientSecret }) });
    sandbox.createUser("ada");
    ({ clientSecret } = sandbox.credentials);
    expect(await lifecycle.remote.find({ appUserId: "ada" })).toMatchObject({ appUserId: "ada" });
  });

  it("that is aborted as the probe of a gate lets the next call probe it at once", async () => {
    const { lifecycle, sandbox, clock } = await world();
    sandbox.createUser("ada");
    sandbox.fail({ call: "listUsers", status: 429, body: "", headers: { "retry-after": "1" } });
    await expect(lifecycle.remote.find({ appUserId: "ada" })).rejects.toMatchObject({ code: "RATE_LIMITED" });
    await clock.advance("2s");
    sandbox.fail({ call: "listUsers", delayMs: 10_000 });
    const caller = new AbortController();
    clock.timer(1_000, () => caller.abort(new Error("no longer wanted")));
    const probing = lifecycle.remote.find({ appUserId: "ada" }, { signal: caller.signal });
    await expect(probing).rejects.toThrow("no longer wanted");
    expect(await lifecycle.remote.find({ appUserId: "ada" })).toMatchObject({ appUserId: "ada" });
  });
});
