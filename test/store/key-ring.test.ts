import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memory } from "../../adapters/memory.ts";
import { isLifecycleError, LifecycleError } from "../../src/errors.ts";
import type { Json, Store } from "../../src/store/contract.ts";
import {
  newStoreKey,
  openKeys,
  readKeyRecord,
  storeKeyContext,
  withKeyRecord,
  wrapNames,
  wrapStoreKey,
  type KeyView,
} from "../../src/store/sealing/key-record.ts";
import { keyRing } from "../../src/store/sealing/key-ring.ts";
import type { Encryption, KeyProvider } from "../../src/store/sealing/keys.ts";
import { manualClock } from "../../src/testing/index.ts";

const provider: KeyProvider = {
  wrap: async (key) => ({ by: "arn:key/1", wrapped: Uint8Array.from(key, (byte) => byte ^ 0x5a) }),
  unwrap: async ({ wrapped }) => Uint8Array.from(wrapped, (byte) => byte ^ 0x5a),
};

async function opening(encryption: Encryption, value?: Json) {
  const clock = manualClock();
  const store: Store = await memory().open({ account: "account", clock });
  if (value !== undefined) await store.account.commit({ value, expectedRevision: 0, writeId: "given" });
  const ring = (isNew: boolean) => keyRing(encryption, isNew, clock);
  const open = (): Promise<KeyView> =>
    openKeys({ record: store.account, account: "account", ring, writeId: "w" });
  return { clock, store, open };
}

const refused = (retryable: boolean) => expect.objectContaining({ code: "KEY_REFUSED", retryable });

describe("store/key-ring", () => {
  it("wrapStoreKey() refuses bytes that are no longer those of the key", async () => {
    const key = newStoreKey();
    const ring = keyRing(provider, false, manualClock());
    expect(await wrapStoreKey(key, "account", ring)).toMatchObject({ by: "arn:key/1" });
    key.bytes.fill(0);
    await expect(wrapStoreKey(key, "account", ring)).rejects.toEqual(refused(false));
  });

  it("wrap() and unwrap() of a provider get the place of the key as context, and the record keeps who wrapped", async () => {
    const asked: unknown[] = [];
    const { store, open } = await opening({
      wrap: (key, context) => (asked.push(["wrap", context]), provider.wrap(key, context)),
      unwrap: (key, context) => (asked.push(["unwrap", key.by, context]), provider.unwrap(key, context)),
    });
    const { storeKeys } = await open();
    expect((await open()).storeKeys[0].bytes).toEqual(Uint8Array.from(storeKeys[0].bytes));
    const place = storeKeyContext("account");
    const unwrap = ["unwrap", "arn:key/1", place];
    expect(asked).toEqual([["wrap", place], unwrap, unwrap]); // what was wrapped must come back before it is kept
    expect((await store.account.load())?.value).toMatchObject({ storeKeys: [{ by: "arn:key/1" }] });
  });

  it.each<[string, Partial<KeyProvider>, boolean]>([
    ["rejects", { wrap: () => Promise.reject(new Error("503")) }, true],
    [
      "throws",
      {
        wrap: () => {
          throw new Error("503");
        },
      },
      true,
    ],
    ["gives nothing", { wrap: async () => undefined as never }, false],
    ["gives no name", { wrap: async (key) => ({ by: "", wrapped: key }) }, false],
    ["gives text", { wrap: async () => ({ by: "k", wrapped: "text" as never }) }, false],
    ["cannot unwrap what it wrapped", { unwrap: () => Promise.reject(new Error("denied")) }, true],
    ["unwraps another key", { unwrap: async () => randomBytes(32) }, false],
    ["unwraps too little", { unwrap: async () => randomBytes(31) }, false],
  ])("wrap() of a provider that %s is KEY_REFUSED, and nothing is stored", async (_, broken, retryable) => {
    const { store, open } = await opening({ ...provider, ...broken });
    await expect(open()).rejects.toThrow(refused(retryable));
    expect(await store.account.load()).toBeNull();
  });

  it("wrap() of a provider that never answers ends after 10 s", async () => {
    const { clock, store, open } = await opening({ ...provider, wrap: () => new Promise(() => {}) });
    const [opened] = await Promise.allSettled([open(), clock.advance(10_000)]);
    expect(opened).toMatchObject({ reason: { code: "KEY_REFUSED", retryable: true } });
    expect(String((opened as PromiseRejectedResult).reason)).toContain("did not answer within 10000 ms");
    expect(await store.account.load()).toBeNull();
    expect(clock.timers).toBe(0);
  });

  it("unwrap() passes a LifecycleError of the provider's own on, and hides no key in the others", async () => {
    const own = new LifecycleError("KEY_REFUSED", "Cannot unwrap: this key was deleted");
    const value = {
      format: 1,
      storeKeys: [{ id: "s", by: "k", wrapped: "AAAA" }],
      names: { by: "s", wrapped: "AAAA" },
    };
    const { open } = await opening({ ...provider, unwrap: () => Promise.reject(own) }, value);
    await expect(open()).rejects.toBe(own);
  });
});

describe("store/key-record", () => {
  const [ringKey, other] = [randomBytes(32), randomBytes(32)];
  const encryption = { keys: [ringKey] };

  /** An account's record in the middle of a rotation. */
  async function rotating(): Promise<{ value: Json; newest: Uint8Array; names: Uint8Array }> {
    const ring = keyRing(encryption, false, manualClock());
    const [older, newest, names] = [newStoreKey(), newStoreKey(), randomBytes(32)];
    const context = storeKeyContext("account");
    const wrapped = async (key: typeof older) => ({
      id: key.id,
      madeUnder: null,
      ...(await ring.wrap(key.bytes, context)),
    });
    const storeKeys = [await wrapped(newest), await wrapped(older)] as const;
    const wrappedNames = wrapNames(names, newest, "account");
    const lists = { retired: ["old"], former: ["old"], dropped: ["oldest"] };
    const record = { format: 1, storeKeys, names: wrappedNames, ...lists };
    return { value: withKeyRecord({ gates: {} }, record), newest: newest.bytes, names };
  }

  it("openKeys() with several store keys gives all of them, newest first, and the key of aliases", async () => {
    const { value, newest, names } = await rotating();
    for (const keys of [[ringKey], [other, ringKey], [ringKey, other]]) {
      const view = await (await opening({ keys }, value)).open();
      expect(view.storeKeys).toHaveLength(2);
      expect(Buffer.from(view.storeKeys[0].bytes)).toEqual(newest);
      expect(Buffer.from(view.names)).toEqual(names);
    }
    await expect((await opening({ keys: [other] }, value)).open()).rejects.toThrow(refused(false));
  });

  it("openKeys() of a record with any changed byte opens the same keys, or is RECORD_DAMAGED or KEY_REFUSED", async () => {
    const { value, newest, names } = await rotating();
    const text = JSON.stringify(value);
    let opened = 0;
    for (let index = 0; index < text.length; index++) {
      const changed = Buffer.from(text);
      changed.writeUInt8(changed.readUInt8(index) ^ 1, index);
      let damaged: Json;
      try {
        damaged = JSON.parse(changed.toString()) as Json; // whatever it is now
      } catch {
        continue; // a store says so itself
      }
      try {
        const view = await (await opening(encryption, damaged)).open();
        opened++; // what was changed stands beside the keys, or is the same bytes in another spelling
        expect(Buffer.from(view.storeKeys[0].bytes)).toEqual(newest);
        expect(Buffer.from(view.names)).toEqual(names);
      } catch (error) {
        expect(isLifecycleError(error) && error.code).toMatch(
          /^(?:RECORD_DAMAGED|KEY_REFUSED|RECORD_TOO_NEW)$/,
        );
      }
    }
    expect(opened).toBeLessThan(text.length / 8);
  });

  it("readKeyRecord() throws nothing but a LifecycleError, whatever is stored, and reads what withKeyRecord() wrote", async () => {
    const { value } = await rotating();
    const fields = ["format", "storeKeys", "names", "retired", "__proto__"];
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.constantFrom(...fields), fc.jsonValue()),
      fc
        .tuple(fc.constantFrom(...fields), fc.jsonValue())
        .map(([field, other]) => ({ ...(value as Record<string, Json>), [field]: other })),
    );
    let read = 0;
    fc.assert(
      fc.property(anything, (given) => {
        const stored = JSON.parse(JSON.stringify(given)) as Json; // JSON.parse gives nothing else
        try {
          const record = readKeyRecord(stored);
          expect(readKeyRecord(withKeyRecord(stored, record))).toEqual(record);
          read++;
        } catch (error) {
          expect(isLifecycleError(error)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
    expect(read).toBeGreaterThan(10); // usually 45
  });
});
