/** Keyv's own tests, unchanged, on `adapter.keyv()` of every backend; on Redis if `REDIS_URL` says where one is. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Keyv } from "keyv";
import type { KeyvStoreAdapter } from "keyv";
import * as vitest from "vitest";
import { lmdb } from "../../adapters/lmdb.ts";
import { memory } from "../../adapters/memory.ts";
import type { KeyvDoor } from "../../src/store/keyv-door.ts";

type Tests = (test: typeof vitest, KeyvClass: typeof Keyv, store: () => KeyvStoreAdapter) => void;

// By an address that the compiler does not follow: neither is there in every checkout.
const suite = (await import(
  new URL("./official/node_modules/@keyv/test-suite/dist/index.js", import.meta.url).href
)) as { readonly default: Tests; readonly keyvIteratorTests: Tests };

async function redisDoor(url: string): Promise<KeyvDoor> {
  const door = (await import(new URL("../../adapters/redis.ts", import.meta.url).href)) as {
    redis(url: string): KeyvDoor;
  };
  return door.redis(url);
}

const folder = mkdtempSync(join(tmpdir(), "oneup-keyv-suite-"));
vitest.afterAll(() => rmSync(folder, { recursive: true, force: true }));

const url = process.env["REDIS_URL"];
const backends: Readonly<Record<string, KeyvDoor>> = {
  memory: memory(),
  lmdb: lmdb(folder),
  ...(url && { redis: await redisDoor(url) }),
};

for (const [name, adapter] of Object.entries(backends)) {
  vitest.describe(`adapters/${name} keyv()`, () => {
    vitest.it("there is one", () => vitest.expect(adapter.keyv).toBeTypeOf("function"));
    if (typeof adapter.keyv !== "function") return;
    const doors: KeyvStoreAdapter[] = [];
    const store = (): KeyvStoreAdapter => {
      const door = adapter.keyv({ namespace: "official suite" });
      doors.push(door);
      return door;
    };
    vitest.afterAll(async () => {
      for (const door of doors) await door.disconnect?.();
    });
    // API, values and namespaces; compression has no store in it.
    vitest.describe("keyvTestSuite", () => suite.default(vitest, Keyv, store));
    vitest.describe("keyvIteratorTests", () => suite.keyvIteratorTests(vitest, Keyv, store));
  });
}
