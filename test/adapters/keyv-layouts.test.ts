/** Every Keyv finds the users that another has written to the same storage, or refuses: none begins anew without a word. */
import KeyvRedis, { createKeyv } from "@keyv/redis";
import { Keyv, type KeyvStoreAdapter } from "keyv";
import { Keyv as Keyv6 } from "keyv6";
import { describe, expect, it } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import { systemClock } from "../../src/clock.ts";
import { isLifecycleError } from "../../src/errors.ts";
import type { Store } from "../../src/store/contract.ts";
import { write } from "../support/commits.ts";
import { Naming, Naming6 } from "../support/keyv-storages.ts";
import { clientAt, withSharedServer } from "../support/servers.ts";

type Given = Parameters<typeof keyv>[0];

/** A storage, each time as an object of its own: made for Keyv 5, and as Keyv 6 is given it. */
interface Storage {
  readonly five: () => KeyvStoreAdapter;
  readonly six: () => object;
  /** The keys of this test in the storage. */
  readonly keys: () => Promise<readonly string[]>;
  readonly rename: (key: string, to: string) => Promise<unknown>;
  /** A key as errors name it. */
  readonly shown: (key: string) => string;
  /** What the accounts of this test begin with. */
  readonly prefix?: string;
  /** As @keyv/redis makes one. */
  readonly create?: (namespace?: string) => Keyv;
}

/** What an application may give to `keyv()`, by how it was made. */
function configurations({ five, six, create }: Storage, namespace?: string) {
  const name = namespace === undefined ? {} : { namespace };
  const created = (): Keyv => {
    const made = new Keyv({ store: five(), useKeyPrefix: false, ...name });
    made.namespace = namespace;
    return made;
  };
  return {
    "Keyv 5": () => new Keyv({ store: five(), ...name }),
    "Keyv 5 with useKeyPrefix: false": () => new Keyv({ store: five(), useKeyPrefix: false, ...name }),
    "createKeyv()": () => (create ?? (() => created()))(namespace),
    "Keyv 6": () => new Keyv6({ store: six(), ...name }),
    "Keyv 6 on an adapter for Keyv 5": () => new Keyv6({ store: five(), ...name }),
    "Keyv 6 with the namespace of Keyv 5": () => new Keyv6({ store: six(), namespace: "keyv", ...name }),
    "the storage itself": () => {
      const storage = five();
      if (storage instanceof Map)
        return namespace === undefined ? storage : new Keyv6({ store: six(), ...name });
      if (namespace !== undefined) storage.namespace = namespace;
      return storage;
    },
  };
}

const open = (given: Given, account: string): Promise<Store> =>
  keyv(given).open({ account, clock: systemClock });

/** Begins the account there, with one user or several. */
async function begin(given: Given, account: string, users: readonly string[]): Promise<void> {
  const store = await open(given, account);
  await store.account.commit({ value: "limits", expectedRevision: 0, writeId: `begun ${users.join()}` });
  for (const id of users) await store.commit(write(id));
  await store.close();
}

/** What is there for the given Keyv, after it has written another user. */
async function found(given: Given, account: string): Promise<string> {
  try {
    const store = await open(given, account);
    if ((await store.account.load()) !== null) await store.commit(write("bob"));
    const { created = 0 } = await store.counts();
    await store.close();
    return `${created} users`;
  } catch (error) {
    return isLifecycleError(error) ? `${error.code}: ${error.message}` : String(error);
  }
}

const refusal = /^STORE_UNUSABLE: .* with 1 user: pass a Keyv without a namespace/;

async function everyPair(storage: Storage): Promise<void> {
  const unnamed = Object.entries(configurations(storage));
  const named = Object.entries(configurations(storage, "clinic"));
  const outcomes: Record<string, string> = {};
  const expected: Record<string, unknown> = {};
  for (const [writers, openers] of [
    [unnamed, unnamed],
    [named, named],
    [unnamed, named],
  ] as const)
    for (const [first, writer] of writers)
      for (const [second, opener] of openers) {
        const account = `${storage.prefix ?? ""}account${Object.keys(outcomes).length}`;
        await begin(writer(), account, ["ada"]);
        const there = await found(opener(), account);
        const back = await found(writer(), account);
        const records = (await storage.keys()).filter((key) => key.endsWith(`${account}:account`));
        const isRefused = openers !== writers && refusal.test(there); // not on a Map, if no key has a prefix
        const pair = `${first}${writers === named ? " named" : ""} -> ${second}${openers === named ? " named" : ""}`;
        outcomes[pair] = `${isRefused ? "refused" : there}, then ${back}, in ${records.length} account`;
        expected[pair] = `${isRefused ? "refused" : "2 users"}, then 2 users, in 1 account`;
      }
  expect(outcomes).toEqual(expected);
}

/** Two accounts, as processes before had begun them, of which none knew the other. */
async function everyRefusal(storage: Storage): Promise<void> {
  const made = configurations(storage);
  const keyOf = async (account: string): Promise<string> =>
    (await storage.keys()).find((key) => key.endsWith(`${account}:account`)) ?? "";
  const rename = async (from: string, to: string): Promise<void> => {
    for (const key of await storage.keys())
      if (key.includes(`${from}:`)) await storage.rename(key, key.replace(`${from}:`, `${to}:`));
  };
  const refused = expect.stringMatching(/^STORE_UNUSABLE: .* holds this account more than once/);
  for (const [index, [one, other]] of (
    [
      ["Keyv 5", "Keyv 5 with useKeyPrefix: false"],
      ["Keyv 5", "createKeyv()"],
      ["createKeyv()", "Keyv 5 with useKeyPrefix: false"],
    ] as const
  ).entries()) {
    const account = `${storage.prefix ?? ""}twice${index}`;
    await begin(made[one](), account, ["ada"]);
    const first = await keyOf(account);
    await rename(account, `${account}aside`);
    await begin(made[other](), account, ["bob", "eve"]);
    const second = await keyOf(account);
    await rename(`${account}aside`, account);
    if (first === second) continue; // a Map has no namespaces
    const names = Object.keys(made);
    const texts: string[] = [];
    for (const make of Object.values(made)) texts.push(await found(make(), account));
    expect(texts).toEqual(names.map(() => refused));
    for (const shown of [`${storage.shown(first)} with 1 user`, `${storage.shown(second)} with 2 users`])
      expect(texts).toEqual(names.map(() => expect.stringContaining(shown)));
  }
}

function overMap(data: Map<string, string>): Pick<Storage, "keys" | "rename"> {
  return {
    keys: async () => [...data.keys()],
    async rename(key, to) {
      data.set(to, data.get(key) ?? "");
      data.delete(key);
    },
  };
}

const storages: Readonly<Record<string, () => Storage>> = {
  "a Map": () => {
    const data = new Map<string, string>();
    return {
      five: () => data as unknown as KeyvStoreAdapter,
      six: () => data,
      shown: (key) => `"${key}"`,
      ...overMap(data),
    }; // Keyv takes a Map for an adapter
  },
  "a storage adapter that names its keys": () => {
    const data = new Map<string, string>();
    return {
      five: () => new Naming(data),
      six: () => new Naming6(data),
      shown(key) {
        const [inner = "", namespace] = key.split("/").toReversed();
        return namespace === undefined
          ? `"${inner}"`
          : `"${inner}" in the storage's namespace "${namespace}"`;
      },
      ...overMap(data),
    };
  },
};

describe.each(Object.entries(storages))("keyv() on %s", (_name, make) => {
  it("finds what any other Keyv wrote, or refuses to begin anew", () => everyPair(make()));
  it("refuses an account that was begun twice, with its keys and users, however it is given", () =>
    everyRefusal(make()));
});

withSharedServer("redis", "keyv() on Redis", (place) => {
  async function onRedis(test: (storage: Storage) => Promise<void>): Promise<void> {
    const { where, prefix } = await place();
    const client = await clientAt(where);
    client.setMaxListeners(0); // each KeyvRedis adds its own
    const keys = (): Promise<string[]> => client.keys(`*${prefix}*`);
    try {
      await test({
        five: () => new KeyvRedis(client),
        six: () => new KeyvRedis(client),
        keys,
        rename: (key, to) => client.rename(key, to),
        create: (namespace) => createKeyv(client, namespace === undefined ? {} : { namespace }),
        shown: (key) => `"${key}"`,
        prefix,
      });
    } finally {
      await client.unlink(await keys());
      client.destroy();
    }
  }
  it("finds what any other Keyv wrote, or refuses to begin anew", () => onRedis(everyPair));
  it("refuses an account that was begun twice, with its keys and users, however it is given", () =>
    onRedis(everyRefusal));
});
