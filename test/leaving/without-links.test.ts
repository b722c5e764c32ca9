/** A file system without hard links, as vfat, exFAT, gcsfuse and many network mounts are. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { expect, it, onTestFinished, vi } from "vitest";

/** The modules under test, with a file system that refuses hard links. Test files share their modules, so they are loaded anew. */
async function withoutLinks() {
  const refused = (): Error => Object.assign(new Error("EPERM: link"), { code: "EPERM", syscall: "link" });
  vi.resetModules();
  vi.doMock("node:fs/promises", async (original) => ({
    ...(await original<typeof import("node:fs/promises")>()),
    link: () => Promise.reject(refused()),
  }));
  vi.doMock("node:fs", async (original) => ({
    ...(await original<typeof import("node:fs")>()),
    linkSync() {
      throw refused();
    },
  }));
  onTestFinished(() => {
    for (const name of ["node:fs/promises", "node:fs"]) vi.doUnmock(name);
    vi.resetModules();
  });
  const { receiptFile } = await import("../../src/runtime/leaving/receipt-file.ts");
  const { keyFile, ringOf } = await import("../../src/store/sealing/keys.ts");
  return { receiptFile, keyFile, ringOf };
}

async function folderOfTest(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "without-links-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

it("receiptFile() keeps receipts on a file system without hard links, and goes on with them", async () => {
  const { receiptFile } = await withoutLinks();
  const folder = await folderOfTest();
  const { lifecycle, close } = await createTestLifecycle();
  onTestFinished(close);
  await lifecycle.onboard("ada");
  const file = join(folder, "receipts.ndjson");
  const run = () => lifecycle.offboardMany("all", { name: "2026", count: 1, receipts: receiptFile(file) });
  expect(await run()).toMatchObject({ closed: true });
  const before = await readFile(file, "utf8");
  expect(before).toContain('"type":"opened"');
  await run();
  expect(await readFile(file, "utf8")).toContain(before);
  expect(await readdir(folder)).toEqual(["receipts.ndjson"]);
});

it("a second opening of the receipts ends the first one there, too", async () => {
  const { receiptFile } = await withoutLinks();
  const file = join(await folderOfTest(), "receipts.ndjson");
  const [one, other] = [receiptFile(file), receiptFile(file)];
  for (const log of [one, other]) for await (const line of await log.open()) expect(line).toBe("");
  await expect(one.append(["late"])).rejects.toMatchObject({ code: "TAKEN_OVER" });
  for (const log of [one, other]) await log.close();
});

it("a new key file is refused with the cause and the remedy", async () => {
  const { keyFile, ringOf } = await withoutLinks();
  const file = join(await folderOfTest(), "lifecycle.key");
  expect(() => ringOf(keyFile(file), true)).toThrow(
    /Cannot make a key file: its file system must have hard links \(EPERM\).*openssl rand -base64 32/,
  );
});
