import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import type { Json } from "oneup-lifecycle";
import { accountOf } from "../../src/store/account-of.ts";
import { scene, type Scene } from "../support/scene.ts";

describe("offboard() of a user whose record is damaged", () => {
  /** `ada`, and her number; her record is `value`, or that of another user, whose seal does not open for her. */
  async function damaged(value?: Json): Promise<Scene & { readonly ada: number }> {
    const adapter = memory();
    const stage = await scene();
    const open: Scene["open"] = (more) => stage.open({ store: adapter, ...more });
    const all = { ...stage, open };
    const lifecycle = await open();
    for (const id of ["ada", "bob"]) {
      await lifecycle.onboard(id);
      await lifecycle.fhir(id, "r4").create({ resourceType: "Patient" });
    }
    const { oneupUserId } = await lifecycle.inspect("ada");
    const account = accountOf(stage.sandbox.credentials.clientId);
    const store = await adapter.open({ account, clock: stage.sandbox.clock });
    const [mine, other] = [await store.load("ada"), await store.load("bob")];
    if (mine.type !== "record" || other.type !== "record") throw new Error("they are not here");
    const done = await store.commit({
      id: "ada",
      value: value ?? other.record.value,
      expectedRevision: mine.record.revision,
      writeId: "damage",
      mode: "none",
      lease: { id: "the test's", owner: "the test", ms: 1 },
      state: "tokenActive",
      dueInMs: null,
      lane: null,
    });
    expect(done.type).toBe("committed");
    await expect((await open()).inspect("ada")).rejects.toMatchObject({ code: "RECORD_DAMAGED" });
    return { ...all, ada: oneupUserId ?? 0 };
  }

  it.each([undefined, "nonsense"])("erases it, and forget() all the rest: %s", async (value) => {
    const { open } = await damaged(value);
    const lifecycle = await open();
    await expect(lifecycle.forget("ada")).rejects.toMatchObject({ code: "USER_NOT_READY" });
    expect(await lifecycle.offboard("ada")).toMatchObject({ state: "offboarded", oneupUserId: null });
    await lifecycle.forget("ada");
    await expect(lifecycle.inspect("ada")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
  });

  it("purges the user that 1upHealth names, not the one that the record names in clear", async () => {
    const stage = await damaged();
    const lifecycle = await stage.open();
    expect(await lifecycle.offboard("ada", { purge: ["r4"] })).toMatchObject({
      state: "offboarded",
      oneupUserId: stage.ada,
      purge: { done: ["r4"], left: [] },
    });
    const left = await lifecycle.fhir("bob", "r4").search("Patient");
    expect(left.resources).toHaveLength(1);
  });
});
