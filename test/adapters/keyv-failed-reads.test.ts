/** A read that fails in a storage beneath a Keyv does not make it look emptied, even if Keyv answers nothing for it. */
import { EventEmitter } from "node:events";
import { Keyv, type KeyvStoreAdapter } from "keyv";
import { describe, expect, it } from "vitest";
import { keyv } from "oneup-lifecycle/adapters/keyv";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { afterwards } from "../support/scene.ts";

const failures = ["rejects", "answers nothing", "answers nothing and emits an error"] as const;

/** A storage in which the next reads of the account's record, after so many, fail in one way. */
class Storage extends EventEmitter implements KeyvStoreAdapter {
  readonly opts = { dialect: "sqlite" }; // one of those that Keyv iterates over
  readonly data = new Map<string, string>();
  failed = 0;
  #fault: (typeof failures)[number] | null = null;
  #after = 0;

  failNext(fault: (typeof failures)[number], after: number): void {
    this.#fault = fault;
    this.#after = after;
  }

  async get<Value>(key: string): Promise<Value | undefined> {
    const fault = key.endsWith(":account") && this.#fault !== null && this.#after-- <= 0 ? this.#fault : null;
    if (fault === null) return this.data.get(key) as Value | undefined;
    this.#fault = null;
    this.failed++;
    if (fault === "rejects") throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    if (fault === "answers nothing and emits an error") this.emit("error", new Error("read ECONNRESET"));
    return undefined;
  }

  async set(key: string, value: string): Promise<void> {
    this.data.set(key, value);
  }

  async delete(key: string): Promise<boolean> {
    return this.data.delete(key);
  }

  async clear(): Promise<void> {
    this.data.clear();
  }

  async *iterator(namespace?: string): AsyncGenerator<[string, string], void> {
    for (const [key, value] of this.data)
      if (namespace === undefined || key.startsWith(`${namespace}:`)) yield [key, value];
  }
}

describe("one read of the account's record that fails in a Keyv's storage, which", () => {
  it.each(failures.flatMap((fault) => [0, 1, 2, 3, 5].map((after) => [fault, after] as const)))(
    "%s after %i others, ends no work, and later calls succeed",
    async (fault, after) => {
      const storage = new Storage();
      const given = new Keyv({ store: storage, namespace: "clinic" }); // it does not throw on errors
      given.on("error", () => {});
      const encryption = { keys: ["0f".repeat(32)] };
      const world = await createTestLifecycle({ lifecycle: { store: keyv(given), encryption } });
      afterwards(() => world.close());
      const { lifecycle } = world;
      await lifecycle.onboard("before");
      storage.failNext(fault, after);
      for (let n = 0; n < 8; n++) await lifecycle.onboard(`user ${n}`).catch(() => null);
      expect(storage.failed).toBe(1);
      expect(await lifecycle.onboard("after")).toMatchObject({ usable: true });
      for (let n = 0; n < 8; n++)
        expect(await lifecycle.onboard(`user ${n}`)).toMatchObject({ usable: true });
      expect(await lifecycle.health()).toMatchObject({ ready: true });
    },
  );

  it("that is emptied is still noticed", async () => {
    const storage = new Storage();
    const store = keyv(new Keyv({ store: storage, namespace: "clinic" }));
    const world = await createTestLifecycle({
      lifecycle: { store, encryption: { keys: ["0f".repeat(32)] } },
    });
    afterwards(() => world.close().catch(() => {}));
    await world.lifecycle.onboard("before");
    storage.data.clear();
    await expect(world.lifecycle.onboard("after")).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
  });
});
