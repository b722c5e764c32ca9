import { Keyv } from "keyv";
import { describe, expect, it, onTestFinished } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import { systemClock } from "../../src/clock.ts";
import type { Store } from "../../src/store/contract.ts";
import { write } from "../support/commits.ts";

const opening = { account: "account", clock: systemClock };

/** Opens what stands in `data`, to work or to look. */
async function openOn(data: Map<string, unknown>, readOnly = false): Promise<Store> {
  const store = await keyv(new Keyv({ store: data })).open({ ...opening, readOnly });
  onTestFinished(() => store.close());
  return store;
}

/** What a process leaves that dies in the middle of a rename from ada to eve. */
async function halfRenamed(): Promise<Map<string, unknown>> {
  const data = new Map<string, unknown>();
  const store = await openOn(data);
  await store.commit(write("ada", { value: 1 }));
  let left: Map<string, unknown> | undefined;
  const set = data.set.bind(data);
  data.set = (key, value) => {
    set(key, value);
    if (JSON.stringify(value).includes("carries")) left ??= new Map(data);
    return data;
  };
  await store.move({
    from: "ada",
    commit: write("eve", { value: 1, expectedRevision: 1, writeId: "renamed" }),
  });
  return left ?? Promise.reject(new Error("it was renamed in one step"));
}

describe("adapters/keyv open({ readOnly: true })", () => {
  it("open({ readOnly }) writes nothing, and shows where a rename leads that a crash interrupted", async () => {
    const data = await halfRenamed();
    const before = [...data];
    const store = await openOn(data, true);
    expect(await store.load("eve")).toMatchObject({ type: "record", record: { value: 1 } });
    await store.close();
    expect([...data]).toEqual(before);
  });

  it("open({ readOnly }) sees what a store writes that is open already, and holds up none that is opened later", async () => {
    const data = await halfRenamed();
    const looking = await openOn(data, true);
    const store = await openOn(data);
    expect([...data].filter(([, value]) => JSON.stringify(value).includes("carries"))).toEqual([]);
    await store.commit(write("bob"));
    expect(await (await openOn(data, true)).load("bob")).toMatchObject({ type: "record" });
    expect(await looking.load("eve")).toMatchObject({ type: "record" });
  });

  it("open({ readOnly }) rejects where nothing is, and makes nothing", async () => {
    const data = new Map<string, unknown>();
    await expect(openOn(data, true)).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
    expect(data.size).toBe(0);
  });
});
