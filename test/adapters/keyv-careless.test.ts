/** Storages beneath a Keyv that confuse keys, or do not delete what they are asked to, are refused on opening. */
import type { KeyvStoreAdapter } from "keyv";
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
