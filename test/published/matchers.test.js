// Run by the Vitest of an application, in the folder where it installed the package.
import { createTestLifecycle } from "oneup-lifecycle/testing";
import "oneup-lifecycle/testing/vitest";
import { expect, it } from "vitest";

it("toBeInLifecycleState() is there once its door is opened", async () => {
  const { lifecycle } = await createTestLifecycle();
  expect(await lifecycle.onboard("ada")).toBeInLifecycleState("tokenActive");
});
