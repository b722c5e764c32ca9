import { createTestLifecycle } from "oneup-lifecycle/testing";
import "oneup-lifecycle/testing/vitest";
import { expect, it } from "vitest";

it("a user waits for the lease of its dead process", async () => {
  const world = await createTestLifecycle();
  await world.crash({ before: "exchangeCode" }, () => world.lifecycle.onboard("ada"));
  const lifecycle = await world.restart({ after: "2s" }); // its lease lasts 43 s longer
  const ada = await lifecycle.onboard("ada", { waitMs: 2_000 });
  expect(ada.pause?.reason).toBe("lease"); // what your page says now
  const token = lifecycle.accessToken("ada", { waitMs: 0 });
  await expect(token).rejects.toMatchObject({ code: "USER_NOT_READY", retryAfterMs: 41_000 });
  await world.clock.advance("41s");
  expect(await lifecycle.onboard("ada")).toBeInLifecycleState("tokenActive");
});
