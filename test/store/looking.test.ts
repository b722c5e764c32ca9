import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { lookOnly } from "../../src/store/looking.ts";
import { scene } from "../support/scene.ts";

describe("store/looking", () => {
  it("lookOnly() shows what is there and refuses every verb that would write", async () => {
    const { open, sandbox } = await scene();
    const store = memory();
    const lifecycle = await open({ store });
    await lifecycle.onboard("ada");
    const looking = await open({ store: lookOnly(store) });
    expect(await looking.inspect("ada")).toMatchObject({ state: "tokenActive", usable: true });
    expect(await looking.counts()).toEqual({ tokenActive: 1 });
    expect(await looking.forecast(1)).toMatchObject({ used: 1, ahead: 0 });
    const refused = { code: "STORE_UNUSABLE", retryable: false };
    await expect(looking.onboard("bob")).rejects.toMatchObject(refused);
    await expect(looking.offboard("ada")).rejects.toMatchObject(refused);
    await expect(looking.resume()).rejects.toMatchObject(refused);
    await expect(looking.remote.find({ appUserId: "ada" })).rejects.toMatchObject(refused);
    expect(sandbox.journal.count()).toBe(2);
    expect(await lifecycle.counts()).toEqual({ tokenActive: 1 });
  });

  it("lookOnly() of a store with nobody in it rejects, and makes nothing", async () => {
    const { open } = await scene();
    const store = memory();
    await expect(open({ store: lookOnly(store) })).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
    await expect(open({ store: lookOnly(store) })).rejects.toThrow("must hold users of this client id");
  });
});
