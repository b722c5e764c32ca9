import { createTestLifecycle } from "oneup-lifecycle/testing";
import "oneup-lifecycle/testing/vitest";
import { expect, it } from "vitest";

it("a user interrupted between code and token resumes", async () => {
  const world = await createTestLifecycle(); // with a 1upHealth, a clock and a store of its own
  await world.crash({ before: "exchangeCode" }, () => world.lifecycle.onboard("ada"));
  const lifecycle = await world.restart(); // 45 s later: the dead process's lease has ended
  const ada = await lifecycle.onboard("ada");
  expect(ada).toHaveVisited(["codeIssued", "tokenActive"]);
  expect(ada).toHaveSpentCalls(1); // created once, and no second code asked for
});
