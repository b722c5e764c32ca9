import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { startChild } from "../support/child.ts";
import { write } from "../support/commits.ts";
import { folderOfTest, openStore } from "./lmdb-scene.ts";

it("adapters/lmdb uses freed pages again a minute after a process died in a read", async () => {
  const folder = folderOfTest();
  const store = await openStore(folder);
  await store.commit(write("ada"));
  await startChild(new URL("./killed-reader.child.ts", import.meta.url), folder).ended;
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => now() + 61_000);
  onTestFinished(() => void vi.restoreAllMocks());
  const size = (): number => statSync(join(folder, "data.mdb")).size;
  const before = size();
  for (let count = 0; count < 200; count++)
    await store.commit(write(`user-${count % 10}`, { expectedRevision: Math.floor(count / 10) }));
  expect(size() - before).toBeLessThan(500_000);
});
