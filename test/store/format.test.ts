/** What past releases wrote must be readable for ever: never edit a fixture, only add one for a new format. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memory } from "../../adapters/memory.ts";
import { nothingKnown } from "../../machines/index.ts";
import type { Json } from "../../src/store/contract.ts";
import { newestFormat, readEnvelope } from "../../src/store/envelope.ts";
import { openKeys, readKeyRecord, withKeyRecord } from "../../src/store/sealing/key-record.ts";
import { keyRing } from "../../src/store/sealing/key-ring.ts";
import { Sealer } from "../../src/store/sealing/sealer.ts";
import { readUser } from "../../src/runtime/user/user.ts";
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

const formats = Array.from({ length: newestFormat }, (_, index) => index + 1);

describe("store/envelope of past releases", () => {
  it.each(formats)("readEnvelope(), openKeys() and open() read what format %i wrote", async (past) => {
    const { ringKey, account, accountRecord, users, aliases } = fixture(past);
    const clock = manualClock();
    const { account: record } = await memory().open({ account, clock });
    await record.commit({ value: accountRecord, expectedRevision: 0, writeId: "fixture" });
    const ring = (storeIsNew: boolean) => keyRing({ keys: [ringKey] }, storeIsNew, clock);
    const view = await openKeys({ record, account, ring, writeId: "w" });
    expect(view.format).toBe(past);
    for (const newest of [newestFormat, newestFormat + 1]) {
      const sealer = new Sealer(view, account, newest);
      expect(Object.keys(users).length).toBeGreaterThan(2);
      const bookkeeping = { revision: 1, state: "created", dueInMs: 0, lane: null, lease: null };
      for (const [user, { value, secrets }] of Object.entries(users)) {
        const read = readUser({ ...bookkeeping, id: user, value }, sealer);
        expect(states).toContain(read.position.state);
        expect(Object.keys(read.position.context).sort()).toEqual(Object.keys(nothingKnown).sort());
        expect(revealed(read.secrets)).toEqual(secrets);
        expect(readEnvelope(value, () => user).format).toBeLessThanOrEqual(past);
        expect(sealer.alias(user)).toBe(aliases[user]);
      }
    }
  });

  it.each(formats)("withKeyRecord() of an account of format %i leaves it as it is", (past) => {
    const { accountRecord } = fixture(past);
    expect(withKeyRecord(accountRecord, readKeyRecord(accountRecord))).toEqual(accountRecord);
  });
});
