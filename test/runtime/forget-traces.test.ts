/** What is left of a person in the store once forget() has resolved: looked for in everything that the store holds. */
import { Keyv } from "keyv";
import { open as openLmdb } from "lmdb";
import { isLifecycleError, type Lifecycle, type LifecycleOptions, type StoreAdapter } from "oneup-lifecycle";
import { keyv } from "oneup-lifecycle/adapters/keyv";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { redis } from "oneup-lifecycle/adapters/redis";
import { createTestLifecycle, type CrashPoint } from "oneup-lifecycle/testing";
import pg from "pg";
import { describe, expect, it } from "vitest";
import { draw, oneIn } from "../support/effort.ts";
import { anyKey } from "../support/places.ts";
import { withSharedPostgres } from "../support/postgres.ts";
import { afterwards, folder } from "../support/scene.ts";
import { clientAt, withServer } from "../support/servers.ts";

const first = "ada@example.org";
const second = "countess@example.org";
const third = "lovelace@example.org";
const fourth = "king@example.org";
const names = [first, second, third];

/** A store, and all that stands in it as one text. */
interface Looked {
  readonly store: StoreAdapter;
  readonly everything: () => Promise<string>;
}

/** The user: renamed twice, let go, forgotten. */
async function traces({ store, everything }: Looked, options: Partial<LifecycleOptions>): Promise<void> {
  const world = await createTestLifecycle({
    lifecycle: { store, encryption: { keys: [anyKey] }, ...options },
  });
  const { lifecycle } = world;
  afterwards(() => world.close());
  await lifecycle.onboard("eve");
  await lifecycle.onboard(first);
  await lifecycle.rename(first, second);
  await lifecycle.rename(second, third);
  await lifecycle.offboard(third);
  await lifecycle.forget(third);
  const text = await everything();
  expect(text).toContain("forgotten"); // or the look shows nothing at all
  for (const name of names) {
    expect(text).not.toContain(name);
    expect(text).not.toContain(Buffer.from(name).toString("base64"));
    await expect(lifecycle.inspect(name)).rejects.toMatchObject({ code: "USER_UNKNOWN" });
  }
  // No list brings the person back, under any name; all other users are as before.
  expect(await lifecycle.onboardMany(names, { name: "again" })).toMatchObject({ added: 0, departed: 3 });
  expect(await lifecycle.counts()).toEqual({ tokenActive: 1 });
  await lifecycle.fhir("eve", "r4").search("Patient");
  // Each name starts over: one as it is, one under a further name. Then they are forgotten, too.
  for (const name of names) expect(await lifecycle.onboard(name)).toMatchObject({ usable: true });
  await lifecycle.rename(second, fourth);
  for (const name of [first, third, fourth]) {
    await lifecycle.offboard(name);
    await lifecycle.forget(name);
  }
  const after = await everything();
  for (const name of [...names, fourth]) expect(after).not.toContain(name);
  expect(await lifecycle.onboard(second)).toMatchObject({ usable: true });
}

let turn = draw;

/** Everyday one of the two in each store, in turn. */
function leaveNothing(looked: () => Promise<Looked>): void {
  it.each(oneIn(2, [{}, { hideIds: true }], turn++))(
    "leaves nothing of the person, and every former id can start over (%j)",
    async (options) => {
      await traces(await looked(), options);
    },
  );
}

describe("forget() after rename(), in a Keyv store", () => {
  leaveNothing(async () => {
    const map = new Map<string, unknown>();
    return {
      store: keyv(new Keyv({ store: map }), { durable: true }),
      everything: async () => JSON.stringify([...map]),
    };
  });
});

describe("forget() after rename(), in LMDB", () => {
  leaveNothing(async () => {
    const path = `${folder("traces")}/store`;
    return {
      store: lmdb(path),
      async everything() {
        const root = openLmdb({ path, readOnly: true, encoding: "binary" });
        const texts: string[] = [];
        for (const name of Array.from(root.getKeys(), String)) {
          texts.push(name);
          const table = root.openDB<Buffer, Buffer>({ name, encoding: "binary", keyEncoding: "binary" });
          for (const { key, value } of table.getRange()) texts.push(key.toString(), value.toString());
        }
        await root.close();
        return texts.join("\n");
      },
    };
  });
});

withServer("redis", "forget() after rename(), in Redis", (server) => {
  leaveNothing(async () => {
    const { url } = await server();
    return {
      store: redis(url),
      async everything() {
        const client = await clientAt(url);
        const texts: unknown[] = [];
        for (const key of await client.keys("*")) {
          const dump = { string: ["GET", key], hash: ["HGETALL", key], zset: ["ZRANGE", key, "0", "-1"] };
          const type = (await client.type(key)) as keyof typeof dump; // the store has no other types
          texts.push(key, await client.sendCommand(dump[type]));
        }
        client.destroy();
        return JSON.stringify(texts);
      },
    };
  });
});

withSharedPostgres("forget() after rename(), in PostgreSQL", (newPlace) => {
  leaveNothing(async () => {
    const { url, schema } = await newPlace();
    await postgres(url, { schema }).migrate();
    return {
      store: postgres(url, { schema }),
      async everything() {
        const client = new pg.Client(url);
        await client.connect();
        const texts: unknown[] = [];
        for (const table of ["users", "counts", "slots", "account", "texts"]) {
          texts.push((await client.query(`SELECT * FROM "${schema}".${table}`)).rows);
        }
        await client.end();
        return JSON.stringify(texts);
      },
    };
  });
});

describe("forget()", () => {
  const writes = 9; // one for the lease, two for each former id, one for both, one for the last; and none
  const instants = Array.from({ length: writes }, (_, n) => n + 1);

  it.each(["before", "after"] as const)(
    "may die %s any of its writes, and the next one finishes it",
    async (when) => {
      for (const nth of oneIn(2, instants)) {
        const map = new Map<string, unknown>();
        const store = keyv(new Keyv({ store: map }), { durable: true });
        const world = await createTestLifecycle({ lifecycle: { store, encryption: { keys: [anyKey] } } });
        await world.lifecycle.onboard(first);
        await world.lifecycle.rename(first, second);
        await world.lifecycle.rename(second, third);
        await world.lifecycle.offboard(third);
        const point: CrashPoint = when === "before" ? { before: "write", nth } : { after: "write", nth };
        const forgetting = world.crash(point, () => world.lifecycle.forget(third));
        if (nth === writes) await expect(forgetting).rejects.toMatchObject({ code: "INVALID_OPTION" }); // no such write
        else await forgetting;
        const next = await world.restart();
        for (const name of names)
          expect(["offboarded", "USER_UNKNOWN", "RENAMED"]).toContain(await standing(next, name));
        await next.forget(third);
        for (const name of names) expect(JSON.stringify([...map])).not.toContain(name);
        for (const name of names) expect(await standing(next, name)).toBe("USER_UNKNOWN");
        expect(await next.onboard(third)).toMatchObject({ usable: true });
        await world.close();
      }
    },
  );

  async function standing(lifecycle: Lifecycle, id: string): Promise<string> {
    try {
      return (await lifecycle.inspect(id)).state;
    } catch (error) {
      return isLifecycleError(error) ? error.code : String(error);
    }
  }
});
