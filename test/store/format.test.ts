/** What past releases wrote must be readable for ever: never edit a fixture, only add one for a new format. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memory } from "../../adapters/memory.ts";
import { nothingKnown } from "../../machines/index.ts";
import type { Json } from "../../src/store/contract.ts";
import { format, readEnvelope } from "../../src/store/envelope.ts";
import { openStoreKey } from "../../src/store/keys.ts";
import { Sealer } from "../../src/store/seal.ts";
import { manualClock } from "../../src/testing/index.ts";
import { states } from "../machines/events.ts";
import { revealed } from "./sample.ts";

interface Fixture {
  readonly ringKey: string;
  readonly account: string;
  readonly accountRecord: Json;
  readonly users: Readonly<
    Record<string, { readonly value: Json; readonly secrets: Record<string, string> }>
  >;
  readonly aliases: Readonly<Record<string, string>>;
}

function fixture(of: number): Fixture {
  const file = new URL(`./fixtures/format-${of}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as Fixture; // written by this project
}

describe("store/envelope of past releases", () => {
  for (let past = 1; past <= format; past++) {
    it(`readEnvelope(), openStoreKey() and open() read what format ${past} wrote`, async () => {
      const { ringKey, account, accountRecord, users, aliases } = fixture(past);
      const store = await memory().open({ account, clock: manualClock() });
      await store.account.commit({ value: accountRecord, expectedRevision: 0, writeId: "fixture" });
      const sealer = new Sealer(await openStoreKey(store, account, { keys: [ringKey] }, "w"), account);
      expect(Object.keys(users).length).toBeGreaterThan(2);
      for (const [user, { value, secrets }] of Object.entries(users)) {
        const read = readEnvelope(value, () => user);
        expect(states).toContain(read.state);
        expect(Object.keys(read.context).sort()).toEqual(Object.keys(nothingKnown).sort());
        expect(revealed(sealer.open(user, read.sealed))).toEqual(secrets);
        expect(sealer.alias(user)).toBe(aliases[user]);
      }
    });
  }
});
