import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { readOnly } from "../../src/store/read-only.ts";
import { scene } from "../support/scene.ts";

describe("store/read-only", () => {
  it("readOnly() reads what is there and refuses every verb that would write", async () => {
    const { open, sandbox } = await scene();
    const store = memory();
    const lifecycle = await open({ store });
    await lifecycle.onboard("ada");
    const reading = await open({ store: readOnly(store) });
    expect(await reading.inspect("ada")).toMatchObject({ state: "tokenActive", usable: true });
    expect(await reading.counts()).toEqual({ tokenActive: 1 });
    expect(await reading.forecast(1)).toMatchObject({ used: 1, ahead: 0 });
    const refused = { code: "STORE_UNUSABLE", retryable: false };
    await expect(reading.onboard("bob")).rejects.toMatchObject(refused);
    await expect(reading.onboard("bob")).rejects.toThrow(
      "Cannot write to the memory store: it was opened read-only",
    );
    await expect(reading.offboard("ada")).rejects.toMatchObject(refused);
    await expect(reading.resume()).rejects.toMatchObject(refused);
    await expect(reading.remote.find({ appUserId: "ada" })).rejects.toMatchObject(refused);
    expect(sandbox.journal.count()).toBe(2);
    expect(await lifecycle.counts()).toEqual({ tokenActive: 1 });
  });

  it("readOnly() of an empty store rejects", async () => {
    const { open } = await scene();
    const store = memory();
    await expect(open({ store: readOnly(store) })).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
    await expect(open({ store: readOnly(store) })).rejects.toThrow("must hold users of this client id");
  });
});
