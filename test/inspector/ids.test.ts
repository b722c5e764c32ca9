import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { createInspector } from "oneup-lifecycle/inspector";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { maskId } from "../../src/inspector/views.ts";
import { anyKey } from "../support/places.ts";
import { folder, scene } from "../support/scene.ts";
import { answerOf, opened, openedOn, type Answer } from "./support.ts";

const hostile = [
  "<script>alert(1)</script>",
  "</script><img src=x onerror=alert(1)>@example.org",
  "\u202Egro.elpmaxe@ada",
  "🦉".repeat(128),
  "'; DROP TABLE users; --",
  "../../etc/passwd",
  "a b\u2028c",
  "x".repeat(512),
  "__proto__",
];

/** Asks an inspector that another machine's browser reaches. */
async function fromAfar(
  name: string,
  fields: object,
  ids: readonly string[],
): Promise<Answer & { readonly key: string }> {
  const { world } = await opened();
  for (const id of ids) await world.lifecycle.onboard(id);
  const inspector = createInspector(world.lifecycle, { authorize: () => ({ who: "ada" }) });
  const ask = async (name: string, fields: object): Promise<Answer> =>
    answerOf(
      await inspector.fetch(
        new Request(`https://tools.example/api/${name}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(fields),
        }),
      ),
    );
  const { key } = (await ask("users", {})).body.users[0];
  return { ...(await ask(name, { ...fields, ...(name === "user" && { key }) })), key };
}

describe("inspector/ids", () => {
  it.each([
    ["ada@example.org", "a…@example.org"],
    ["ada", "a…"],
    ["a", "a…"],
    ["@example.org", "@…"],
    ["🦉owl@example.org", "🦉…@example.org"],
    ["a@b@example.org", "a…@example.org"],
    ["", "…"],
  ])("maskId(%j) is %j", (id, masked) => {
    expect(maskId(id)).toBe(masked);
  });

  it.each(["users", "user", "overview", "account"])(
    "off this machine, api/%s shows no id in full",
    async (name) => {
      const { text, status } = await fromAfar(name, {}, ["ada@example.org"]);
      expect(status).toBe(200);
      expect(text).not.toContain("ada@");
      if (name === "users" || name === "user") expect(text).toContain("a…@example.org");
    },
  );

  it("off this machine, a user is still found by its exact id", async () => {
    const { body } = await fromAfar("users", { id: "bob@example.org" }, [
      "ada@example.org",
      "bob@example.org",
    ]);
    expect(body.users).toMatchObject([{ appUserId: "b…@example.org" }]);
  });

  it("behind a proxy on this machine, ids are masked", async () => {
    const { world, ask } = await opened();
    await world.lifecycle.onboard("ada@example.org");
    for (const header of ["x-forwarded-for", "x-forwarded-host", "forwarded", "via"]) {
      const { users } = (await ask("users", {}, { [header]: "10.0.0.7" })).body;
      expect(users[0].appUserId).toBe("a…@example.org");
    }
    expect((await ask("users")).body.users[0].appUserId).toBe("ada@example.org");
  });

  it("with authorize, ids are masked whatever host is named, unless maskIds is false", async () => {
    const { lifecycle } = await createTestLifecycle();
    await lifecycle.onboard("ada@example.org");
    const shown = async (host: string, maskIds?: boolean): Promise<string> => {
      const inspector = createInspector(lifecycle, { authorize: () => ({ who: "eve" }), maskIds });
      const headers = { "content-type": "application/json", host };
      const asked = new Request(`http://${host}/api/users`, { method: "POST", headers, body: "{}" });
      const { users } = (await answerOf(await inspector.fetch(asked))).body;
      await inspector.close();
      return users[0].appUserId;
    };
    for (const host of ["localhost", "127.0.0.1:3000", "[::1]", "tools.example"]) {
      expect(await shown(host)).toBe("a…@example.org");
      expect(await shown(host, false)).toBe("ada@example.org");
    }
  });

  it("maskIds decides, where it is given", async () => {
    const { world, ask } = await opened({ maskIds: true });
    await world.lifecycle.onboard("ada@example.org");
    const { users } = (await ask("users")).body;
    expect(users[0].appUserId).toBe("a…@example.org");
    expect((await ask("overview")).body.masked).toBe(true);
    const { status } = (await ask("user", { key: users[0].key })).body;
    expect(status).not.toHaveProperty("appUserId");
  });

  it.each(hostile)("case %#: a hostile id is data, and its key is harmless in an address", async (id) => {
    const { world, ask, get } = await opened();
    await world.lifecycle.onboard(id);
    const { users } = (await ask("users", { id })).body;
    expect(users).toMatchObject([{ appUserId: id }]);
    const { key } = users[0];
    expect(key).toMatch(/^[\w-]{80,800}$/);
    expect((await ask("user", { key })).body.status.appUserId).toBe(id);
    expect((await get(`users/${key}`)).text).not.toContain(id);
  });

  it("a key reveals nothing: ids of many lengths have keys of one length, and no two are alike", async () => {
    const { world, ask } = await opened();
    const ids = ["a", "ab", "ada@example.org", "ada.lovelace@example.org"];
    for (const id of ids) await world.lifecycle.onboard(id);
    const keys: string[] = (await ask("users")).body.users.map(({ key }: any) => key);
    expect(new Set(keys.map(({ length }) => length)).size).toBe(1);
    expect(new Set(keys.map((key) => key.slice(0, 10))).size).toBe(ids.length);
    for (const key of keys) expect(Buffer.from(key, "base64url").toString("latin1")).not.toContain("ada");
  });

  it.each([false, true])("a key works after a restart, with hideIds: %j", async (hideIds) => {
    const { open } = await scene();
    const path = folder("inspector-keys");
    const options = { store: lmdb(path), encryption: { keys: [anyKey] }, hideIds };
    const first = await open(options);
    await first.onboard("ada@example.org");
    const before = await openedOn({ lifecycle: first });
    const { key } = (await before.ask("users")).body.users[0];
    await before.inspector.close();
    await first.close();
    const after = await openedOn({ lifecycle: await open({ ...options, store: lmdb(path) }) });
    expect((await after.ask("user", { key })).body.appUserId).toBe("ada@example.org");
    expect((await after.ask("users")).body.users[0].key).toBe(key);
  });

  it("a key of another store opens nothing", async () => {
    const one = await opened();
    await one.world.lifecycle.onboard("ada");
    const { key } = (await one.ask("users")).body.users[0];
    const { open } = await scene();
    const lifecycle = await open({ store: lmdb(folder("inspector-other")), encryption: { keys: [anyKey] } });
    await lifecycle.onboard("ada");
    expect((await (await openedOn({ lifecycle })).ask("user", { key })).status).toBe(404);
  });

  it("lists users of a store with hidden ids in pages", async () => {
    const { open } = await scene();
    const lifecycle = await open({ hideIds: true });
    const ids = ["ada", "bob", "cyd", "dot", "eve"];
    for (const id of ids) await lifecycle.onboard(id);
    const { ask } = await openedOn({ lifecycle });
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const { users, next } = (await ask("users", { limit: 2, after })).body;
      seen.push(...users.map(({ appUserId }: any) => appUserId));
      after = next ?? undefined;
    } while (after !== undefined);
    expect(seen.toSorted()).toEqual(ids);
  });

  it("a lifecycle of another make is shown too, with keys that end with the inspector", async () => {
    const { world } = await opened();
    await world.lifecycle.onboard("ada");
    const plain = Object.fromEntries(Object.entries(world.lifecycle)) as unknown as typeof world.lifecycle; // without symbols
    const { ask } = await openedOn({ lifecycle: plain });
    const { key } = (await ask("users")).body.users[0];
    expect((await ask("user", { key })).body).toMatchObject({ appUserId: "ada", dueAt: null });
    expect((await ask("overview")).body.store).toBeNull();
    expect((await ask("account")).body).toMatchObject({ origins: null, format: null });
  });
});
