/** Storages beneath a Keyv that confuse keys, or do not delete what they are asked to, are refused on opening. */
import { Keyv, type KeyvStoreAdapter } from "keyv";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { expect, it } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import { systemClock } from "../../src/clock.ts";
import { Naming } from "../support/keyv-storages.ts";

/** Rows by what a collation compares; the key that came first stays. */
class Collated extends Naming {
  readonly rows = new Map<string, string>();
  readonly compared: (key: string) => string;

  constructor(compared: (key: string) => string) {
    super();
    this.compared = compared;
  }
  override keyOf(key: string): string {
    const compared = this.compared(key);
    if (!this.rows.has(compared)) this.rows.set(compared, super.keyOf(key));
    return this.rows.get(compared) ?? key;
  }
}

const careless: Readonly<Record<string, (key: string) => string>> = {
  "trailing spaces": (key) => key.trimEnd(),
  accents: (key) => key.normalize("NFD").replaceAll(/\p{Mark}/gu, ""),
  "the two forms of an accent": (key) => key.normalize("NFC"),
  "upper and lower case": (key) => key.toLowerCase(),
};

const opened = (storage: KeyvStoreAdapter) => keyv(storage).open({ account: "account", clock: systemClock });

it.each(Object.entries(careless))("open() refuses a storage that ignores %s in keys", async (_, compared) => {
  await expect(opened(new Collated(compared))).rejects.toMatchObject({
    code: "STORE_UNUSABLE",
    message: expect.stringContaining("accents, in their form and in trailing spaces"),
  });
});

it("open() refuses a storage that does not take every letter, or takes two for one", async () => {
  const refuses = new Naming();
  refuses.set = async (key, value) => {
    if (/\p{Emoji_Presentation}/u.test(key))
      throw Object.assign(new Error("no"), { code: "ER_TRUNCATED_WRONG_VALUE" });
    return Naming.prototype.set.call(refuses, key, value);
  };
  await expect(opened(refuses)).rejects.toMatchObject({
    code: "STORE_UNUSABLE",
    message: expect.stringContaining("keys with any letters (utf8mb4), and it refuses some"),
    cause: { message: expect.stringContaining("ER_TRUNCATED_WRONG_VALUE") },
  });
  const replaces = new Collated((key) => key.replaceAll(/\p{Emoji_Presentation}/gu, "?"));
  await expect(opened(replaces)).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
});

it("open() refuses a storage adapter with a lifetime for all entries", async () => {
  const storage = Object.assign(new Naming(), { ttl: 60_000 });
  await expect(opened(storage)).rejects.toMatchObject({
    code: "STORE_UNUSABLE",
    message: expect.stringContaining("a ttl for all of them"),
  });
});

it("open() names a Cacheable as what it is", () => {
  expect(() => keyv({ primary: {}, nonBlocking: false, getRaw() {} } as unknown as KeyvStoreAdapter)).toThrow(
    "a Cacheable is a cache, which may drop entries",
  );
});

/** Holds keys of this length and no longer, as a table may. */
class Narrow extends Naming {
  readonly held = 255;
  readonly cuts: boolean;

  constructor(cuts: boolean) {
    super();
    this.cuts = cuts;
  }
  override async set(key: string, value: string): Promise<boolean> {
    if (key.length > this.held && !this.cuts)
      throw Object.assign(new Error("too long"), { code: "ER_DATA_TOO_LONG" });
    return super.set(key.slice(0, this.held), value);
  }
}

it.each([
  ["refuses", false],
  ["cuts", true],
])("a user whose key the storage %s is refused by its id, and others are not", async (_, cuts) => {
  const storage = new Narrow(cuts);
  const encryption = { keys: ["0".repeat(64)] };
  const world = await createTestLifecycle({ lifecycle: { store: keyv(storage), encryption } });
  const { lifecycle } = world;
  const [short, long] = ["x".repeat(150), "x".repeat(400)];
  await lifecycle.onboard(short);
  const { rejects, rejected } = await lifecycle.onboardMany(["ada", long, "bob"], { name: "list" });
  expect(rejected).toBe(1);
  expect(rejects).toEqual([
    {
      row: 2,
      code: "INVALID_ID",
      why: expect.stringContaining("refuses it while it takes others"),
      facts: {},
    },
  ]);
  await expect(lifecycle.onboard(long)).rejects.toMatchObject({ code: "INVALID_ID", retryable: false });
  await lifecycle.onboard("eve");
  const next = await world.restart();
  expect(await next.counts()).toEqual({ tokenActive: 4 });
  expect((await next.inspect(short))?.state).toBe("tokenActive");
  await world.close();
});

it("a deletion that a Keyv does not report as failed is not acknowledged", async () => {
  const storage = new Naming();
  const encryption = { keys: ["0".repeat(64)] };
  const store = keyv(new Keyv({ store: storage, emitErrors: false }));
  const world = await createTestLifecycle({ lifecycle: { store, encryption } });
  await world.lifecycle.onboard("ada");
  await world.lifecycle.offboard("ada");
  const { delete: own } = Naming.prototype;
  storage.delete = async () => {
    throw new Error("the network is down");
  };
  await expect(world.lifecycle.forget("ada", { waitMs: 0 })).rejects.toMatchObject({ retryable: true });
  storage.delete = own;
  await world.lifecycle.forget("ada");
  expect([...storage.data.keys()].filter((key) => key.endsWith("ada"))).toEqual([]);
  await world.close();
});

it("open() refuses a storage whose delete() answers true and deletes nothing", async () => {
  const storage = new Naming();
  storage.delete = async () => true;
  await expect(opened(storage)).rejects.toMatchObject({
    code: "STORE_UNUSABLE",
    message: expect.stringContaining("what it has deleted must be gone"),
  });
});

it("open() leaves nothing of what it tries, and users whose ids differ in no more are two", async () => {
  const storage = new Naming();
  const encryption = { keys: ["0".repeat(64)] };
  const world = await createTestLifecycle({ lifecycle: { store: keyv(storage), encryption } });
  expect([...storage.data.keys()].filter((key) => /(?:prob|like|lik.)[^:]*$/i.test(key))).toEqual([
    expect.stringMatching(/:Probe$/),
  ]);
  for (const id of ["ada", "ada ", "ad\u00E9", "ade\u0301"]) await world.lifecycle.onboard(id);
  expect(await (await world.restart()).counts()).toEqual({ tokenActive: 4 });
  await world.close();
});
