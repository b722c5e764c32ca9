/** A store that is moved, emptied, or fails in part, while a transaction with a new user is open. */
import { join } from "node:path";
import { keyFile, moveStore, type LifecycleError } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { expect, it } from "vitest";
import { nextStepOf } from "../../src/next-step.ts";
import { anyKey } from "../support/places.ts";
import { sql, withSharedPostgres } from "../support/postgres.ts";
import { folder } from "../support/scene.ts";
import { begun, knows, world } from "./world.ts";

withSharedPostgres("a transaction with a new user that is open", (place) => {
  it("holds up the fence of a move and nothing else, and its user moves; what begins later is refused", async () => {
    const { url, schema } = place();
    const { lifecycle, sandbox, client } = await world({ url, schema });
    const path = folder("joins");
    const encryption = keyFile(join(path, "key"));
    const target = lmdb(join(path, "store"));
    const move = (): Promise<{ users: number }> =>
      moveStore(postgres(url, { schema }), target, {
        clientId: sandbox.credentials.clientId,
        encryption: { keys: [anyKey] },
        newEncryption: encryption,
      });
    const [ours, early] = [await client(), await client("BEGIN ISOLATION LEVEL REPEATABLE READ")];
    await early.query("SELECT count(*) FROM pg_class"); // its snapshot is of before the move
    await begun(lifecycle, ours, "ada");
    await lifecycle.onboard("bob");
    const moving = move().catch((error: unknown) => error);
    await lifecycle.onboard("cid", { waitMs: 0 }); // while the fence waits
    expect(await moving).toMatchObject({
      code: "STORE_UNAVAILABLE",
      retryable: true,
      message:
        "Cannot end the use of the PostgreSQL store: a transaction of the application that onboards within it was open for all of 2000 ms; commit it or roll it back, and try again",
    });
    const step = nextStepOf((await moving) as LifecycleError);
    expect(step).toMatch(/^end the application's transaction .*; then start the move again/);
    await ours.query("COMMIT");
    expect(await move()).toMatchObject({ users: 3 });
    const moved = { code: "STORE_MOVED" };
    await expect(lifecycle.onboard("dora", { within: early })).rejects.toMatchObject(moved);
    await early.query("COMMIT");
    await expect(begun(lifecycle, ours, "eve")).rejects.toMatchObject(moved);
    await ours.query("COMMIT");
    expect(await sql(url, `SELECT FROM "${schema}".joins`)).toEqual([]);
  });

  it("is refused once the store was emptied, and adds no user to the store that comes after it", async () => {
    const where = place();
    const { lifecycle, open, client } = await world(where);
    const ours = await client();
    await begun(lifecycle, ours, "ada");
    await sql(where.url, `DELETE FROM "${where.schema}".account; DELETE FROM "${where.schema}".users`);
    await expect(lifecycle.onboard("bob", { within: ours })).rejects.toMatchObject({
      code: "STORE_UNUSABLE",
      facts: { storeLost: true },
    });
    const after = await open();
    await after.onboard("cid");
    await ours.query("COMMIT");
    expect(await knows(after, "ada")).toBe(false);
    expect(await after.counts()).toEqual({ tokenActive: 1 });
    expect(await sql(where.url, `SELECT FROM "${where.schema}".joins`)).toEqual([]);
  });

  it("and cannot be taken in keeps no other user from its tokens, and is taken in later", async () => {
    const { url, schema } = place();
    const { lifecycle, open, client } = await world({ url, schema });
    const ours = await client();
    await lifecycle.onboard("bob");
    await begun(lifecycle, ours, "ada");
    await ours.query("COMMIT");
    await sql(
      url,
      `CREATE FUNCTION "${schema}".fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$;
      CREATE TRIGGER fails BEFORE INSERT ON "${schema}".users FOR EACH ROW EXECUTE FUNCTION "${schema}".fails()`,
    );
    const other = await open();
    expect((await other.accessToken("bob")).length).toBeGreaterThan(0);
    expect(await other.counts()).toEqual({ tokenActive: 1 });
    expect(await other.resume()).toMatchObject({ taken: 0 });
    await expect(other.inspect("ada")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
    await sql(url, `DROP TRIGGER fails ON "${schema}".users`);
    expect(await other.inspect("ada")).toMatchObject({ state: "created" });
  });
});
