import { randomBytes } from "node:crypto";
import { memory } from "oneup-lifecycle/adapters/memory";
import { manualClock } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { freshMs, StoreKeys } from "../../src/runtime/account/store-keys.ts";
import {
  newStoreKey,
  readKeyRecord,
  storeKeyContext,
  withKeyRecord,
  wrapNames,
  type KeyRecord,
} from "../../src/store/sealing/key-record.ts";
import { keyRing, type KeyRing } from "../../src/store/sealing/key-ring.ts";
import { momentOn, steadyClock } from "../../src/store/steady-time.ts";
import { silentLogger } from "../support/loggers.ts";

/** When the first reads began, on the clock of each test. */
const atFirst = momentOn(steadyClock(manualClock()));

async function opened() {
  const manual = manualClock();
  const clock = { ...steadyClock(manual), advance: manual.advance };
  const { account } = await memory().open({ account: "account", clock });
  const record = { ...account };
  const ringKeysOf = [randomBytes(32), randomBytes(32)];
  let inner = keyRing({ keys: ringKeysOf }, false, clock);
  const held: (() => void)[] = [];
  let hold = false;
  const ring: KeyRing = {
    ids: inner.ids,
    wrap: (key, context) => inner.wrap(key, context),
    async unwrap(wrapped, context) {
      if (hold) await new Promise<void>((resolve) => held.push(resolve));
      return inner.unwrap(wrapped, context);
    },
  };
  const logger = silentLogger;
  const parts = { record, account: "account", ring: () => ring, clock, newest: 1, logger };
  const keys = await StoreKeys.open(parts);

  /** The store keys of all records so far. */
  const made = keys.view.storeKeys.map(({ id }) => id);
  /** The account's record once a fresh key took over. */
  async function replaced(revision: number) {
    const fresh = newStoreKey();
    const byRing = await inner.wrap(fresh.bytes, storeKeyContext("account"));
    const wrapped = { id: fresh.id, madeUnder: null, ...byRing };
    const names = wrapNames(keys.view.names, fresh, "account");
    const value: KeyRecord = {
      format: 1,
      storeKeys: [wrapped],
      names,
      retired: [],
      former: [],
      dropped: [...made],
    };
    made.push(fresh.id);
    return { id: fresh.id, found: { value: withKeyRecord({}, value), revision } };
  }
  return {
    clock,
    keys,
    record,
    replaced,
    held,
    holdBack: (on: boolean) => void (hold = on),
    /** The newest key of the ring. */
    ringKeys: () => inner.ids.slice(0, 1),
    /** Another key is the newest one. */
    turnRing: () => void (inner = keyRing({ keys: ringKeysOf.toReversed() }, false, clock)),
  };
}

describe("runtime/store-keys", () => {
  it("see() never goes back to an older record, however late its key is unwrapped", async () => {
    const { keys, replaced, held, holdBack } = await opened();
    const [older, newer] = [await replaced(2), await replaced(3)];
    holdBack(true);
    const late = keys.applyRecord(older.found, atFirst);
    holdBack(false);
    await keys.applyRecord(newer.found, atFirst);
    expect(keys.sealer.keyId).toBe(newer.id);
    for (const go of held) go();
    await late;
    await keys.applyRecord(older.found, atFirst);
    expect(keys.sealer.keyId).toBe(newer.id);
    expect(keys.trouble).toBeNull();
  });

  it.each([
    ["", 1],
    [", though another process has written the record since", 2],
    [", though others have written it often since", 7],
  ])(
    "renew() believes a store that lost writes, and puts the key back that users are sealed with%s",
    async (_, now) => {
      const { clock, keys, record, replaced } = await opened();
      const before = await record.load();
      const { id, found } = await replaced(2);
      await record.commit({ value: found.value, expectedRevision: 1, writeId: "rotation" });
      await record.commit({ value: found.value, expectedRevision: 2, writeId: "a gate" });
      await keys.renew();
      expect(keys.sealer.keyId).toBe(id);
      // A replica that lagged behind takes over: both writes are gone.
      let kept = { value: before?.value ?? null, revision: now };
      record.load = async () => kept;
      record.commit = async ({ value, expectedRevision }) => {
        if (expectedRevision !== kept.revision) return false;
        kept = { value, revision: expectedRevision + 1 };
        return true;
      };
      await clock.advance(1);
      await keys.renew();
      expect(keys.trouble).toBeNull();
      expect(keys.view.format).toBe(1);
      expect(keys.view.storeKeys.map((key) => key.id)).toContain(id);
      expect(JSON.stringify(kept.value)).toContain(id);
      await clock.advance(1);
      await keys.renew();
      expect(kept.revision).toBe(now + 1);
    },
  );

  it("renew() puts no lost key back with a retired one, says so, and does it once the ring has a fresh one", async () => {
    const { clock, keys, record, replaced, ringKeys, turnRing } = await opened();
    const before = await record.load();
    const { id, found } = await replaced(2);
    await record.commit({ value: found.value, expectedRevision: 1, writeId: "rotation" });
    await keys.renew();
    const lagging = readKeyRecord(before?.value ?? null);
    const value = withKeyRecord({}, { ...lagging, retired: ringKeys() });
    await record.commit({ value, expectedRevision: 2, writeId: "failover" });
    await clock.advance(1);
    await expect(keys.renew()).rejects.toThrow(/the newest key must not be a retired one/);
    await expect(keys.renew()).rejects.toThrow(/the newest key must not be a retired one/);
    turnRing();
    await keys.renew();
    expect(keys.trouble).toBeNull();
    expect(keys.view.storeKeys.map((key) => key.id)).toContain(id);
  });

  it("renew() puts no key back that a rotation has dropped", async () => {
    const { clock, keys, record, replaced } = await opened();
    const { found } = await replaced(2);
    await record.commit({ value: found.value, expectedRevision: 1, writeId: "rotation" });
    await clock.advance(1);
    await keys.renew();
    expect(await record.load()).toMatchObject({ revision: 2 });
    expect(keys.view.storeKeys).toHaveLength(1);
  });

  it("see() keeps no trouble of an older record that comes to light after a newer one", async () => {
    const { keys, replaced, held, holdBack } = await opened();
    const [older, newer] = [await replaced(2), await replaced(3)];
    const damaged = JSON.parse(
      JSON.stringify(older.found.value).replace(/"wrapped":"..../, '"wrapped":"AAAA'),
    );
    holdBack(true);
    const late = keys.applyRecord({ value: damaged, revision: 2 }, atFirst);
    holdBack(false);
    await keys.applyRecord(newer.found, atFirst);
    for (const go of held) go();
    await late;
    expect(keys.trouble).toBeNull();
    expect(keys.isFresh).toBe(true);
    expect(keys.sealer.keyId).toBe(newer.id);
  });

  it("see() asks the ring once for a key, however many look at once", async () => {
    const { keys, replaced, held, holdBack } = await opened();
    const { found, id } = await replaced(2);
    holdBack(true);
    const all = Promise.all([1, 2, 3].map(() => keys.applyRecord(found, atFirst)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(held).toHaveLength(1);
    held[0]?.();
    await all;
    expect(keys.sealer.keyId).toBe(id);
  });

  it("isFresh ends once the last look is too old, and comes back with renew()", async () => {
    const { clock, keys } = await opened();
    expect(keys.isFresh).toBe(true);
    await clock.advance(freshMs);
    expect(keys.isFresh).toBe(true);
    await clock.advance(1);
    expect(keys.isFresh).toBe(false);
    await keys.renew();
    expect(keys.isFresh).toBe(true);
  });

  it("renew() throws what is wrong with the record until it is right again", async () => {
    const { keys, replaced } = await opened();
    const damaged = { value: { format: 1, storeKeys: [] }, revision: 2 };
    await keys.applyRecord(damaged, atFirst);
    expect(keys.trouble).toMatchObject({ code: "RECORD_DAMAGED" });
    expect(keys.isFresh).toBe(false);
    const { found, id } = await replaced(3);
    await keys.applyRecord(found, atFirst);
    expect(keys.trouble).toBeNull();
    expect(keys.sealer.keyId).toBe(id);
  });
});
