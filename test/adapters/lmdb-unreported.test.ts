import { expect, it, vi } from "vitest";
import { folderOfTest, openStore } from "./lmdb-scene.ts";

vi.mock("node:fs", async (original) => ({
  ...(await original<typeof import("node:fs")>()),
  statfsSync() {
    throw Object.assign(new Error('Requires sys access to "statfs"'), { name: "NotCapable" });
  },
}));

it("adapters/lmdb takes writes where Deno may not ask for the size of the file system", async () => {
  const store = await openStore(folderOfTest());
  await expect(store.probe?.()).resolves.toBeUndefined();
});
