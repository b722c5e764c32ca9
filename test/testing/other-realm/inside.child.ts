/** In a VM context, where errors and promises of Node's own modules are of another realm. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { lmdb } from "../../../adapters/lmdb.ts";
import { memory } from "../../../adapters/memory.ts";
import { redis } from "../../../adapters/redis.ts";
import { createLifecycle, keyFile } from "../../../src/index.ts";
import { createSandbox } from "../../../src/sandbox/index.ts";
import { assertNoSecrets, createTestLifecycle } from "../../../src/testing/index.ts";
import type { StoreAdapter } from "../../../src/store/contract.ts";

const { credentials } = createSandbox();
const key = "0123456789abcdef".repeat(4);

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "oneup-realm-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

const open = async (store: StoreAdapter): Promise<unknown> =>
  createLifecycle({ credentials, store, encryption: { keys: [key] } });

it("is what this process does", () => {
  let thrown: unknown;
  try {
    readFileSync(join(tmpdir(), "oneup-none", "none"));
  } catch (error) {
    thrown = error;
  }
  expect(thrown instanceof Error).toBe(false); // or the tests below prove nothing
});

it("keyFile() makes its file", async () => {
  const file = join(folder(), "lifecycle.key");
  const lifecycle = await createLifecycle({ credentials, store: memory(), encryption: keyFile(file) });
  await lifecycle.close();
  expect(readFileSync(file, "utf8")).toMatch(/^[\w+/]{43}=\n$/);
});

it("exportMany() fills a folder, and goes on in it", async () => {
  const write = join(folder(), "export");
  const { lifecycle } = await createTestLifecycle();
  await lifecycle.onboard("ada");
  await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" }, { untilReadable: true });
  const go = (): Promise<object> => lifecycle.exportMany("all", { name: "x", write, types: ["Patient"] });
  expect(await go()).toMatchObject({ exported: 1, resources: 1, unfinished: [] });
  expect(await go()).toMatchObject({ exported: 0, unfinished: [] });
  await lifecycle.close();
});

it("assertNoSecrets() refuses a promise of Node's own modules", async () => {
  const { lifecycle } = await createTestLifecycle();
  await lifecycle.onboard("ada");
  const file = join(folder(), "token");
  writeFileSync(file, await lifecycle.accessToken("ada"));
  const reading = readFile(file, "utf8");
  expect(() => assertNoSecrets(reading)).toThrow("await it first");
  await reading;
  await lifecycle.close();
});

it("errors name the cause that Node's own modules tell", async () => {
  const file = join(folder(), "file");
  writeFileSync(file, "");
  await expect(open(lmdb(join(file, "store")))).rejects.toThrow(
    /its path must be a folder \((?:ENOTDIR|EEXIST)\)/,
  );
  await expect(open(redis("redis://127.0.0.1:1"))).rejects.toThrow("ECONNREFUSED");
});
