/** FHIR calls for a user that has no usable token: they end when their caller expects it. */
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import type { UserFhirClient } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { afterwards } from "../support/scene.ts";

type Fhir = UserFhirClient<"r4">;

/** A user who waits for a slot of the limit, for most of an hour. */
async function waiting(): Promise<TestLifecycle> {
  const world = await createTestLifecycle();
  afterwards(() => world.close());
  world.sandbox.spend(300);
  await world.lifecycle.onboard("ada", { waitMs: 0 });
  return world;
}

async function all(walk: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of walk);
}

const calls: readonly (readonly [string, (fhir: Fhir, how: object) => Promise<unknown>])[] = [
  ["read()", (fhir, how) => fhir.read("Patient", "1", how)],
  ["search()", (fhir, how) => fhir.search("Observation", {}, how)],
  ["searchAll()", (fhir, how) => all(fhir.searchAll("Observation", {}, how))],
  ["searchPages()", (fhir, how) => all(fhir.searchPages("Observation", {}, how))],
  ["everything()", (fhir, how) => all(fhir.everything("1", how))],
  ["attachment()", (fhir, how) => fhir.attachment("1", how)],
];

describe.each(calls)("%s of a user without a token", (_, call) => {
  it.each([
    [{ waitMs: 1_000 }, 1_000],
    [{ retries: 0, waitMs: 0 }, 0],
    [{}, 30_000],
  ])("ends in its time: %o", async (how, ms) => {
    const { lifecycle, clock, sandbox } = await waiting();
    const began = clock.now();
    await expect(call(lifecycle.fhir("ada", "r4"), how)).rejects.toMatchObject({
      code: "USER_NOT_READY",
      retryable: true,
    });
    expect(clock.now() - began).toBeLessThanOrEqual(ms + 6_000);
    expect(sandbox.journal.spent().fhir).toBe(0);
  });
});

it("searchAll() waits for as long as it is asked to", async () => {
  const { lifecycle } = await waiting();
  await all(lifecycle.fhir("ada", "r4").searchAll("Observation", {}, { waitMs: 3 * 3_600_000 }));
  expect((await lifecycle.inspect("ada")).usable).toBe(true);
});

it("searchAll() goes on after a grant that was lost on the way, however long the next one takes", async () => {
  const world = await createTestLifecycle();
  afterwards(() => world.close());
  const { lifecycle, sandbox } = world;
  await lifecycle.onboard("ada");
  const fhir = lifecycle.fhir("ada", "r4");
  for (let n = 0; n < 30; n++)
    await fhir.create({ resourceType: "Observation", status: "final", code: { text: `${n}` } });
  await world.clock.advance("1s"); // now searches show all of them
  let seen = 0;
  for await (const _ of fhir.searchAll("Observation", { _count: 10 })) {
    if (++seen !== 5) continue;
    sandbox.revokeGrant("ada");
    sandbox.fail({ call: "issueAuthCode", status: 503, times: 8 });
  }
  expect(seen).toBe(30);
});
