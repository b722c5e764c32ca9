import KeyvRedis, { createKeyv } from "@keyv/redis";
import { Keyv, type KeyvStoreAdapter } from "keyv";
import {
  createKeyv as createKeyv6,
  Keyv as Keyv6,
  KeyvHooks,
  KeyvMemoryAdapter,
  type KeyvStorageAdapter,
} from "keyv6";
import { describe, expect, it } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import { createTestLifecycle, manualClock } from "../../src/testing/index.ts";
import { write } from "../support/commits.ts";
import { bridged, looks, Naming, Naming6, Private } from "../support/keyv-storages.ts";
import { withSharedServer } from "../support/servers.ts";

type Given = Parameters<typeof keyv>[0];
type Storages = readonly [
  five: (data: Map<string, string>) => Given,
  six: (data: Map<string, string>) => Given,
];

const flipped = {
  compress: async (text: string) => text.split("").toReversed().join(""),
  decompress: async (text: string) => text.split("").toReversed().join(""),
};
const base64 = {
  stringify: (value: unknown) => btoa(encodeURIComponent(JSON.stringify(value))),
  parse: <T>(text: string) => JSON.parse(decodeURIComponent(atob(text))) as T,
};

/** The same data, as an application opens it with Keyv 5 and with Keyv 6. */
const pairs: Readonly<Record<string, Storages>> = {
  "a Map": [(data) => new Keyv({ store: data }), (data) => new Keyv6({ store: data })],
  "a Map, which Keyv 6 does not serialise": [
    (data) => new Keyv({ store: data, namespace: "mine" }),
    (data) => createKeyv6(data, { namespace: "mine" }),
  ],
  "a bare Map and its wrapper": [
    (data) => data as unknown as KeyvStoreAdapter, // which Keyv takes for one
    (data) => new KeyvMemoryAdapter(data),
  ],
  "a storage adapter made for Keyv 5": [
    (data) => new Keyv({ store: new Naming(data) }),
    (data) => new Keyv6({ store: new Naming(data) }),
  ],
  "a storage adapter for each": [
    (data) => new Keyv({ store: new Naming(data) }),
    (data) => new Keyv6({ store: new Naming6(data) }),
  ],
  "storage adapters alone": [(data) => new Naming(data), (data) => new Naming6(data)],
  "storage adapters alone, one in a bridge": [
    (data) => new Naming(data),
    (data) => bridged(new Naming(data)),
  ],
  "a namespace": [
    (data) => new Keyv({ store: new Naming(data), namespace: "mine" }),
    (data) => new Keyv6({ store: new Naming6(data), namespace: "mine" }),
  ],
  "keys without a prefix": [
    (data) => new Keyv({ store: new Naming(data), namespace: "mine", useKeyPrefix: false }),
    (data) => new Keyv6({ store: new Naming6(data), namespace: "mine" }),
  ],
  "keys without a prefix, and no namespace, as createKeyv() of @keyv/redis makes them": [
    (data) => withoutNamespace(new Keyv({ store: new Naming(data), useKeyPrefix: false })),
    (data) => new Keyv6({ store: new Naming6(data) }),
  ],
  "a storage adapter that hides what it does": [
    (data) => new Keyv({ store: new Private(data) }),
    (data) => new Keyv6({ store: Object.assign(new Private(data), { namespace: "keyv" }) }),
  ],
  "compression and an encoding": [
    (data) =>
      new Keyv({
        store: new Naming(data),
        compression: flipped,
        serialize: base64.stringify,
        deserialize: base64.parse,
      }),
    (data) => new Keyv6({ store: new Naming6(data), compression: flipped, serialization: base64 }),
  ],
};

function withoutNamespace(store: Keyv): Keyv {
  store.namespace = undefined;
  return store;
}

const encryption = { keys: ["0".repeat(64)] };

/** Onboards a user in a store and tells which users are usable there. */
async function users(store: Given, id: string): Promise<readonly string[]> {
  const { lifecycle, close } = await createTestLifecycle({ lifecycle: { store: keyv(store), encryption } });
  await lifecycle.onboard(id);
  const found = [];
  for await (const { appUserId, usable } of lifecycle.users()) if (usable) found.push(appUserId);
  await close();
  return found.toSorted();
}

describe("keyv() opens with one version of Keyv what was written with the other:", () => {
  it.each(Object.entries(pairs))("%s", async (_name, [five, six]) => {
    for (const [first, second] of [
      [five, six],
      [six, five],
    ] as const) {
      const data = new Map<string, string>();
      expect(await users(first(data), "ada")).toEqual(["ada"]);
      const size = data.size;
      expect(await users(second(data), "bob: 2")).toEqual(["ada", "bob: 2"]);
      expect(await users(first(data), "a::b")).toEqual(["a::b", "ada", "bob: 2"]);
      expect(data.size).toBeLessThan(2 * size); // one account
    }
  });

  it("what Keyv 6 has encrypted, with Keyv 6 alone; Keyv 5 does not take it for nothing", async () => {
    const data = new Map<string, string>();
    const cipher = {
      encrypt: (text: string) => `!${btoa(text)}`,
      decrypt: (text: string) => atob(text.slice(1)),
    };
    const six = (): Keyv6 => new Keyv6({ store: new Naming6(data), encryption: cipher });
    await users(six(), "ada");
    expect(await users(six(), "bob")).toEqual(["ada", "bob"]);
    expect([...data.values()].every((text) => text.startsWith("!"))).toBe(true);
    const opening = users(new Keyv({ store: new Naming(data) }), "eve");
    await expect(opening).rejects.toMatchObject({ code: "RECORD_DAMAGED" });
  });
});

withSharedServer("redis", "keyv() on Redis", (place) => {
  it("opens with Keyv 6 what Keyv 5 wrote, and the other way round, however it was made", async () => {
    const { where, prefix } = await place();
    const made: readonly [
      string,
      (namespace: string) => Keyv | Keyv6,
      (namespace: string) => Keyv | Keyv6,
    ][] = [
      [
        "new Keyv()",
        (namespace) => new Keyv(new KeyvRedis(where), { namespace }),
        (namespace) => new Keyv6(new KeyvRedis(where), { namespace }),
      ],
      [
        "createKeyv()",
        (namespace) => createKeyv(where, { namespace }),
        (namespace) => new Keyv6(new KeyvRedis(where), { namespace }),
      ],
    ];
    for (const [name, five, six] of made)
      for (const order of [
        [five, six],
        [six, five],
      ]) {
        const namespace = `${prefix}${name}${order[0] === five ? "5" : "6"}`;
        const found: (readonly string[])[] = [];
        for (const [index, make] of order.entries()) {
          const beneath = make(namespace);
          found.push(await users(beneath, `user ${index}`));
          await beneath.disconnect();
        }
        expect(found).toEqual([["user 0"], ["user 0", "user 1"]]);
      }
  });
});

describe("keyv() on a Keyv 6", () => {
  it("changes nothing about it, its storage adapter and other entries, and passes no expiry", async () => {
    for (const storage of [new Naming6(), new Naming()]) {
      const beneath = new Keyv6({ store: storage, ttl: 60_000 });
      await beneath.set("theirs", "kept");
      if (storage instanceof Naming6) storage.expiries.clear();
      const seen = (): unknown => [beneath, beneath.store, storage].map(looks);
      const before = seen();
      const listeners = beneath.rawListeners().length;
      await users(untouchable(beneath), "ada");
      expect(seen()).toEqual(before);
      expect(beneath.rawListeners()).toHaveLength(listeners);
      expect(await beneath.get("theirs")).toBe("kept");
      if (storage instanceof Naming6) expect([...storage.expiries]).toEqual([undefined]);
    }
  });

  it("calls a Map not durable, however it is wrapped, and nothing else unless the option is false", () => {
    const map = new Map<string, string>();
    for (const store of [
      new Keyv(),
      new Keyv6(),
      new Keyv6({ store: map }),
      createKeyv6(map),
      new KeyvMemoryAdapter(map),
      new Keyv6({ store: bridged(new KeyvMemoryAdapter(map)) }),
    ])
      expect(keyv(store).durable).toBe(false);
    const adapter: KeyvStorageAdapter = bridged(new Naming());
    for (const store of [adapter, new Keyv6({ store: adapter }), new Keyv6({ store: new Naming6() })])
      expect([keyv(store).durable, keyv(store, { durable: false }).durable]).toEqual([true, false]);
  });

  it("is one store with a Keyv 5 over the same storage", async () => {
    const storage = new Naming();
    const clock = manualClock();
    const one = await keyv(new Keyv({ store: storage })).open({ account: "a", clock });
    const other = await keyv(new Keyv6({ store: storage })).open({ account: "a", clock });
    await one.commit(write("ada"));
    await other.commit(write("bob")); // neither takes over from the other
    expect(await one.counts()).toEqual({ created: 2 });
    await Promise.all([one.close(), other.close()]);
  });

  it("refuses to open an account that is elsewhere, or there more than once", async () => {
    const data = new Map<string, string>();
    await users(new Keyv({ store: new Naming(data) }), "ada");
    const unusable = { code: "STORE_UNUSABLE", retryable: false };
    const named = users(new Keyv6({ store: new Naming6(data), namespace: "mine" }), "bob");
    await expect(named).rejects.toMatchObject(unusable);
    await expect(named).rejects.toThrow("pass a Keyv without a namespace");
    const [account] = [...data].filter(([key]) => key.endsWith(":account"));
    data.set((account?.[0] ?? "").slice("keyv/keyv:".length), account?.[1] ?? "");
    const twice = users(new Keyv6({ store: new Naming6(data) }), "bob");
    await expect(twice).rejects.toMatchObject(unusable);
    await expect(twice).rejects.toThrow("it holds this account more than once");
  });

  it("takes no failing storage for an empty one", async () => {
    const data = new Map<string, string>();
    await users(withoutNamespace(new Keyv({ store: new Naming(data), useKeyPrefix: false })), "ada");
    class Failing extends Naming6 {
      override get(): Promise<never> {
        return Promise.reject(new Error("planned"));
      }
    }
    const opening = users(new Keyv6({ store: new Failing(data) }), "bob");
    await expect(opening).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
  });
});

/** The same; any change of it fails. */
function untouchable<T extends object>(value: T): T {
  const fail = (): never => {
    throw new Error("It was changed");
  };
  return new Proxy(value, { set: fail, defineProperty: fail, deleteProperty: fail, setPrototypeOf: fail });
}

/** The members that Keyv of a version to come may have. */
const ofAnotherVersion = (): Keyv =>
  ({ get() {}, set() {}, delete() {}, clear() {}, setRaw() {}, getRaw() {} }) as unknown as Keyv; // what a program without types may pass

const hooked = (): Keyv6 => {
  const store = new Keyv6();
  store.onHook({ event: KeyvHooks.BEFORE_SET, handler: () => {} });
  return store;
};

const beneath5 = (): Keyv => {
  const outer = new Keyv();
  Object.defineProperty(outer, "_store", { value: untouchable(new Naming6()) }); // its constructor would set the namespace of it
  return outer;
};

describe("keyv()", () => {
  it.each([
    ["a Keyv of another version", ofAnotherVersion, "from another version: install keyv@^5.6 or keyv@^6.1"],
    ["a storage adapter of Keyv 6 beneath a Keyv 5", beneath5, "pass the storage adapter itself"],
    ["a Keyv beneath a Keyv 6", () => new Keyv6({ store: new Keyv() }), "pass the inner one itself"],
    [
      "a Keyv 6 that changes keys",
      () => new Keyv6({ sanitize: { keys: { sql: true } } }),
      "without sanitize.keys",
    ],
    ["a Keyv 6 with hooks", hooked, "pass a Keyv without hooks"],
    [
      "a Keyv 6 that would not encrypt",
      () => new Keyv6({ serialization: false, encryption: { encrypt: String, decrypt: String } }),
      "whose serialization is not off",
    ],
    [
      "a Keyv 6 over an adapter whose namespace cannot be changed in a view of it",
      () => new Keyv6({ store: new Private(), namespace: "keyv" }),
      'set the namespace of the storage adapter itself to "keyv"',
    ],
  ])("refuses %s by name, with what to do, and changes nothing about it", (_name, make, remedy) => {
    const store = make();
    const before = looks(store);
    expect(() => keyv(store)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
    expect(() => keyv(store)).toThrow(remedy);
    expect(looks(store)).toBe(before);
  });

  it("takes a Keyv of another copy of the package, a Map beneath it, and its storage adapters", () => {
    for (const original of [new Keyv(), new Keyv6({ store: new Naming6() })]) {
      const copy = new Proxy(original, { getPrototypeOf: () => Object.prototype });
      expect(copy instanceof Keyv || copy instanceof Keyv6).toBe(false);
      expect(keyv(copy).name).toBe("keyv");
    }
    expect(keyv(new Keyv({ store: new Map(), namespace: "theirs" })).name).toBe("keyv");
  });
});
