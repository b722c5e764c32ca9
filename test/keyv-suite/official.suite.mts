/** Keyv's own tests, unchanged, on `adapter.keyv()` of every backend. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Keyv, type KeyvStoreAdapter } from "keyv";
import { Keyv as Keyv6 } from "keyv6";
import * as vitest from "vitest";
import { lmdb } from "../../adapters/lmdb.ts";
import { memory } from "../../adapters/memory.ts";
import { postgres } from "../../adapters/postgres.ts";
import { redis } from "../../adapters/redis.ts";
import type { KeyvView } from "../../src/store/keyv-view.ts";
import { has } from "../support/needs.ts";
import { forgetful, startPostgres } from "../support/postgres.ts";
import { startServer } from "../support/servers.ts";

type Tests = (test: typeof vitest, KeyvClass: typeof Keyv, store: () => KeyvStoreAdapter) => void;

// By an address that the compiler does not follow: neither is there in every checkout.
const suite = (await import(
  new URL("./official/node_modules/@keyv/test-suite/dist/index.js", import.meta.url).href
)) as { readonly default: Tests; readonly keyvIteratorTests: Tests };

const folder = mkdtempSync(join(tmpdir(), "oneup-keyv-suite-"));
vitest.afterAll(() => rmSync(folder, { recursive: true, force: true }));

const given = process.env["REDIS_URL"];
const server = given === undefined && has("redis-server") ? await startServer("redis-server") : undefined;
vitest.afterAll(() => server?.stop());
const url = given ?? server?.url;

const database = has("postgres") ? await startPostgres(forgetful) : undefined;
vitest.afterAll(() => database?.stop());
if (database !== undefined) await postgres(database.url).migrate();

const backends: Readonly<Record<string, KeyvView>> = {
  memory: memory(),
  lmdb: lmdb(folder),
  ...(url !== undefined && { redis: redis(url) }),
  ...(database !== undefined && { postgres: postgres(database.url) }),
};

/** The suite is that of Keyv 5, whose `deleteMany()` returns one answer; Keyv 6 returns one for each key. */
class Answering extends Keyv6 {
  override async deleteMany(keys: string[]): Promise<boolean[]> {
    return (await super.deleteMany(keys)).some(Boolean) as unknown as boolean[]; // as it was
  }
}
const versions = { "Keyv 5": Keyv, "Keyv 6": Answering as unknown as typeof Keyv }; // the suite has the types of Keyv 5

for (const [name, adapter] of Object.entries(backends))
  vitest.describe.each(Object.entries(versions))(`adapters/${name} keyv() in %s`, (version, KeyvClass) => {
    const doors: KeyvStoreAdapter[] = [];
    const store = (): KeyvStoreAdapter => {
      const door = adapter.keyv({ namespace: `official suite, ${version}` });
      doors.push(door);
      return door;
    };
    vitest.afterAll(async () => {
      for (const door of doors) await door.disconnect?.();
    });
    // API, values and namespaces; compression has no store in it.
    vitest.describe("keyvTestSuite", () => suite.default(vitest, KeyvClass, store));
    vitest.describe("keyvIteratorTests", () => suite.keyvIteratorTests(vitest, KeyvClass, store));
  });
