/** Clients that are no transaction of the store's own database, and stores that take part in none. */
import type { TransactionClient } from "oneup-lifecycle";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { Client, Pool } from "pg";
import { expect, it } from "vitest";
import { urlWith } from "../adapters/postgres-scene.ts";
import { forgetful, sql, withPgbouncer, withPostgres, withSharedPostgres } from "../support/postgres.ts";
import { afterwards } from "../support/scene.ts";
import { begun, knows, world } from "./world.ts";

const unfit = { name: "LifecycleError", code: "INVALID_OPTION", retryable: false };

/** A connection that ends with the test. */
async function connected(url: string, settings?: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  afterwards(() => client.end());
  if (settings !== undefined) await client.query(settings);
  return client;
}

withSharedPostgres("onboard() within a transaction refuses", (place) => {
  it("a client in no transaction, a pool, and one whose transaction has failed, takes no writes or has ended", async () => {
    const { url, schema } = place();
    const { lifecycle, client } = await world({ url, schema });
    const refused = (within: TransactionClient): Promise<unknown> =>
      lifecycle.onboard("ada", { within, waitMs: 0 }).catch((error: unknown) => error);
    const none = {
      ...unfit,
      message:
        "Cannot onboard: within must be a client inside a transaction, and this one is in none; begin one, and pass the client that it runs on, not a pool",
    };
    const ours = await client();
    expect(await refused(ours)).toMatchObject(none);
    const pool = new Pool({ connectionString: url, max: 2 });
    afterwards(() => pool.end());
    expect(await refused(pool)).toMatchObject(none);
    const lent = await pool.connect();
    await lent.query("BEGIN"); // another connection of the pool is in a transaction
    expect(await refused(pool)).toMatchObject(none);
    lent.release(true);

    await ours.query("BEGIN");
    await expect(ours.query("SELECT 1 / 0")).rejects.toThrow();
    expect(await refused(ours)).toMatchObject({
      ...unfit,
      message: expect.stringMatching(/has failed; roll it back$/),
    });
    await ours.query("ROLLBACK");
    await ours.query("BEGIN READ ONLY");
    expect(await refused(ours)).toMatchObject({
      ...unfit,
      message: expect.stringMatching(/this one is read-only$/),
    });
    await ours.query("ROLLBACK");

    let statements = 0;
    const hasty = await client("BEGIN");
    const ending = {
      async query(text: string, values: string[]) {
        if (++statements === 2) await hasty.query("COMMIT");
        return hasty.query(text, values);
      },
    };
    expect(await refused(ending)).toMatchObject({
      ...unfit,
      message: expect.stringMatching(/and that has ended meanwhile; await the call before it ends$/),
    });
    expect(await sql(url, `SELECT FROM "${schema}".joins`)).toEqual([]);
    expect(await knows(lifecycle, "ada")).toBe(false);
  });

  it("options that do not fit, ids as everywhere, and stores without transactions", async () => {
    const { lifecycle, client } = await world(place());
    const ours = await client("BEGIN");
    await expect(lifecycle.onboard("ada", { within: ours, waitMs: 5 as 0 })).rejects.toMatchObject({
      ...unfit,
      message:
        "Cannot onboard: waitMs must be 0 with within, because no call is made before the commit, got 5",
    });
    await expect(lifecycle.onboard("ada", { within: {} as Client })).rejects.toMatchObject({
      ...unfit,
      message: "Cannot onboard: within must be an object with the method query, got an object",
    });
    await expect(lifecycle.onboard("a\nb", { within: ours })).rejects.toMatchObject({ code: "INVALID_ID" });
    await expect(lifecycle.onboard("a".repeat(513), { within: ours })).rejects.toMatchObject({
      code: "INVALID_ID",
    });
    await ours.query("SELECT 1"); // the transaction can go on
    const { lifecycle: other } = await createTestLifecycle();
    await expect(other.onboard("ada", { within: ours })).rejects.toMatchObject({
      ...unfit,
      message: expect.stringMatching(
        /^Cannot onboard: within must be left out, because the store memory takes part in no/,
      ),
    });
  });

  it("a client that resolves with another shape", async () => {
    const { url, schema } = place();
    const { lifecycle, client } = await world({ url, schema });
    const ours = await client("BEGIN");
    const rowsOf = async (text: string, values: string[]): Promise<object[]> =>
      (await ours.query<object>(text, values)).rows;
    const types = { getTypeParser: () => String };
    const shapes: readonly (readonly [query: (text: string, values: string[]) => unknown, got: string])[] = [
      [rowsOf, "an array"],
      [(text, values) => void rowsOf(text, values), "undefined"],
      [
        async (text, values) => ({ rowCount: (await rowsOf(text, values)).length }),
        "an object without an array of rows",
      ],
      [(text, values) => ours.query({ text, values, rowMode: "array" }), "rows that are not objects"],
      [async () => ({ rows: [] }), "no row"],
      [(text, values) => ours.query({ text, values, types }), "columns of other names or types"],
    ];
    for (const [query, got] of shapes) {
      const within = { query } as TransactionClient;
      await expect(lifecycle.onboard("ada", { within })).rejects.toMatchObject({
        ...unfit,
        message: `Cannot onboard: within must be a client whose query resolves with { rows }, an array of objects such as { free: true, token: "a" }, and this one resolves with ${got}`,
      });
    }
    await ours.query("COMMIT");
    expect(await sql(url, `SELECT FROM "${schema}".joins`)).toEqual([]);
    expect(await knows(lifecycle, "ada")).toBe(false);
  });

  it("a client whose text would arrive as another", async () => {
    const { url, schema } = place();
    const { lifecycle, client } = await world({ url, schema });
    const ours = await client();
    for (const encoding of ["LATIN1", "EUC_JP"]) {
      await ours.query(`SET client_encoding = ${encoding}`);
      await expect(begun(lifecycle, ours, "jürgen")).rejects.toMatchObject({
        ...unfit,
        message: `Cannot onboard: within must be a client whose client_encoding is UTF8, so that text arrives as it was sent, and this one's is ${encoding}`,
      });
      await ours.query("COMMIT");
    }
    expect(await sql(url, `SELECT FROM "${schema}".joins`)).toEqual([]);
    for (const encoding of ["UNICODE", "SQL_ASCII"]) {
      await ours.query(`SET client_encoding = ${encoding}`);
      await begun(lifecycle, ours, `jürgen ${encoding}`);
      await ours.query("COMMIT");
      expect(await knows(lifecycle, `jürgen ${encoding}`)).toBe(true);
    }
  });

  it("what its client cannot do, and repeats neither the user nor what a library says of its statement", async () => {
    const { url, schema } = place();
    const { lifecycle } = await world({ url, schema });
    const role = `weak_${schema}`;
    await sql(url, `CREATE ROLE ${role} LOGIN; GRANT USAGE ON SCHEMA "${schema}" TO ${role}`);
    afterwards(async () => void (await sql(url, `DROP OWNED BY ${role}; DROP ROLE ${role}`)));
    const weak = await connected(urlWith(url, { user: role }), "BEGIN");
    await expect(lifecycle.onboard("ada", { within: weak })).rejects.toMatchObject({
      code: "STORE_UNUSABLE",
      message: `Cannot onboard within a transaction: its database user needs USAGE on the schema "${schema}", and INSERT and SELECT on "${schema}".joins`,
    });
    await weak.query("ROLLBACK");
    await sql(url, `GRANT INSERT, SELECT ON "${schema}".joins TO ${role}`);
    await begun(lifecycle, weak, "ada");
    await weak.query("COMMIT");
    expect(await knows(lifecycle, "ada")).toBe(true);

    const telling = {
      async query(text: string, values: string[]) {
        try {
          return await weak.query(text, values);
        } catch (cause) {
          throw new Error(`Failed query: ${text}\nparams: ${values.join(",")}`, { cause });
        }
      },
    };
    await weak.query("BEGIN");
    await sql(url, `ALTER TABLE "${schema}".joins ADD CHECK (id <> 'eve@example.org')`);
    const [failed] = await Promise.allSettled([lifecycle.onboard("eve@example.org", { within: telling })]);
    const { reason } = failed as PromiseRejectedResult;
    expect(reason).toMatchObject({ code: "STORE_UNAVAILABLE", retryable: false });
    expect((reason as Error).message).toBe(
      "Cannot onboard within a transaction: its client failed with 23514; roll back",
    );
    expect(
      JSON.stringify([reason.message, String(reason.cause), (reason.cause as Error)?.stack]),
    ).not.toContain("eve@");
  });
});

withPostgres("onboard() within a transaction on another server", (server) => {
  it("refuses a client of another database, of a copy of it, and of another server", async () => {
    const [{ url }, { url: far }] = await Promise.all([server(forgetful), server(forgetful)]);
    const where = { url, schema: "oneup_lifecycle" };
    const { lifecycle } = await world(where);
    await lifecycle.onboard("ada", { waitMs: 0 });
    await lifecycle.close();
    await sql(url, "CREATE DATABASE empty");
    await sql(
      url,
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'postgres'",
    );
    await sql(urlWith(url, { database: "empty" }), "CREATE DATABASE copy TEMPLATE postgres");
    await postgres(far).migrate();
    const { lifecycle: again } = await world(where);
    for (const other of [urlWith(url, { database: "empty" }), urlWith(url, { database: "copy" }), far]) {
      const client = await connected(other, "BEGIN");
      await expect(again.onboard("bob", { within: client })).rejects.toMatchObject({
        ...unfit,
        message:
          "Cannot onboard: within must be a client of the store's own database, and this one is of another database or server",
      });
      await client.query("COMMIT");
    }
    expect(await sql(urlWith(url, { database: "copy" }), "SELECT FROM oneup_lifecycle.joins")).toEqual([]);
    expect(await knows(again, "bob")).toBe(false);
  });
});

withPgbouncer("onboard() within a transaction behind PgBouncer", (server) => {
  it("works for the store and for the application", async () => {
    const { url } = await server(forgetful);
    const { lifecycle, client } = await world({ url, schema: "oneup_lifecycle" });
    const ours = await client();
    await expect(lifecycle.onboard("ada", { within: ours })).rejects.toMatchObject(unfit);
    await begun(lifecycle, ours, "ada");
    await ours.query("COMMIT");
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
  });
});
