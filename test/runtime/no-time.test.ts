/** A caller that has no time to wait asks for the user all the same: the next call finds it further on, without a worker. */
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { expect, it, vi } from "vitest";
import { afterwards, scene, spentOn } from "../support/scene.ts";

const hour = 3_600_000;
const atOnce = { waitMs: 0 };
const notYet = { code: "USER_NOT_READY", retryable: true };

it("accessToken() renews a token that has expired", async () => {
  const { sandbox, open } = await scene();
  const lifecycle = await open();
  await lifecycle.onboard("ada");
  sandbox.clock.advance(3 * hour);
  await expect(lifecycle.accessToken("ada", atOnce)).rejects.toMatchObject(notYet);
  await vi.waitFor(() => lifecycle.accessToken("ada", atOnce));
  expect(sandbox.journal.count("refreshToken")).toBe(1);
  expect(spentOn(sandbox, "ada")).toEqual(["createUser"]);
});

it("accessToken() and onboard() replace a grant that was lost", async () => {
  const { sandbox, open } = await scene();
  const lifecycle = await open();
  for (const id of ["ada", "bob"]) await lifecycle.onboard(id);
  sandbox.clock.advance(3 * hour);
  for (const id of ["ada", "bob"]) sandbox.revokeGrant(id);
  await vi.waitFor(() => lifecycle.accessToken("ada", atOnce));
  await vi.waitFor(async () =>
    expect(await lifecycle.onboard("bob", atOnce)).toMatchObject({ usable: true }),
  );
  expect(sandbox.journal.count("issueAuthCode")).toBe(2);
});

it("onboard() goes on where a process died", async () => {
  const world = await createTestLifecycle();
  afterwards(() => world.close());
  await world.crash({ before: "exchangeCode" }, () => world.lifecycle.onboard("ada"));
  const lifecycle = await world.restart();
  await vi.waitFor(async () => {
    await world.clock.advance("1s");
    expect(await lifecycle.onboard("ada", atOnce)).toMatchObject({ usable: true });
  });
  expect(spentOn(world.sandbox, "ada")).toEqual(["createUser"]);
});

it("a user that waits for a slot gets one, in its turn", async () => {
  const { sandbox, open } = await scene();
  const lifecycle = await open({ limits: { management: { calls: 1, windowMs: hour } } });
  for (const id of ["ada", "bob"]) await lifecycle.onboard(id, atOnce);
  await vi.waitFor(async () => expect((await lifecycle.inspect("ada")).usable).toBe(true));
  await vi.waitFor(async () => expect((await lifecycle.forecast()).ahead).toBe(1));
  sandbox.clock.advance(hour + 1_000);
  await expect(lifecycle.accessToken("bob", atOnce)).rejects.toMatchObject(notYet);
  await vi.waitFor(() => lifecycle.accessToken("bob", atOnce));
  expect(spentOn(sandbox, "bob")).toEqual(["createUser"]);
});

it("what must rest goes on resting, however often it is asked for", async () => {
  const { lifecycle, sandbox, clock, close } = await createTestLifecycle();
  afterwards(close);
  await lifecycle.onboard("ada");
  await clock.advance("3h");
  sandbox.fail({ call: "refreshToken", times: Infinity, status: 503 });
  for (let asked = 0; asked < 50; asked++)
    await expect(lifecycle.accessToken("ada", atOnce)).rejects.toMatchObject({ retryable: true });
  await vi.waitFor(async () => expect((await lifecycle.inspect("ada")).pause?.reason).toBe("unavailable"));
  for (let asked = 0; asked < 50; asked++)
    await expect(lifecycle.accessToken("ada", atOnce)).rejects.toMatchObject({ retryable: true });
  expect(sandbox.journal.count("refreshToken")).toBe(1);
});
