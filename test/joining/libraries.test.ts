/** Transactions of libraries: Kysely and Postgres.js themselves, and what the shapes for others make of a statement. */
import { Kysely, PostgresDialect } from "kysely";
import type { TransactionClient } from "oneup-lifecycle";
import { Pool, type PoolClient } from "pg";
import openPostgresJs from "postgres";
import { expect, it } from "vitest";
import { withSharedPostgres } from "../support/postgres.ts";
import { afterwards } from "../support/scene.ts";
import { fromDrizzle, fromKnex, fromKysely, fromPostgresJs, fromPrisma } from "./shapes.ts";
import { knows, world, type World } from "./world.ts";

/** What rolls a transaction back. */
class Undone extends Error {}

/** Runs a transaction that commits, and one that does not. */
type InTransaction = (task: (client: TransactionClient) => Promise<unknown>) => Promise<unknown>;

async function trial({ lifecycle }: World, inTransaction: InTransaction, id = "ada"): Promise<void> {
  await inTransaction((within) => lifecycle.onboard(id, { within, waitMs: 0 }));
  const undone = inTransaction(async (within) => {
    await lifecycle.onboard(`${id}, undone`, { within, waitMs: 0 });
    throw new Undone();
  });
  await expect(undone).rejects.toThrow(Undone);
  expect(await knows(lifecycle, id)).toBe(true);
  expect(await knows(lifecycle, `${id}, undone`)).toBe(false);
}

/** A transaction on a pool of `pg`. */
function inPg(pool: Pool, shape: (client: PoolClient) => TransactionClient): InTransaction {
  return async (task) => {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      await task(shape(client));
      await client.query("COMMIT");
    } catch (error) {
      await client.query("ROLLBACK");
      throw error;
    } finally {
      client.release();
    }
  };
}

/** A part of a query of Drizzle. */
type Chunk = { readonly text: string } | { readonly value: string } | { readonly all: readonly Chunk[] };

/** What Drizzle sends for it. */
function sent(query: Chunk): { readonly text: string; readonly values: string[] } {
  const values: string[] = [];
  const textOf = (chunk: Chunk): string => {
    if ("text" in chunk) return chunk.text;
    if ("all" in chunk) return chunk.all.map(textOf).join("");
    return `$${values.push(chunk.value)}`;
  };
  return { text: textOf(query), values };
}

withSharedPostgres("onboard() within a transaction of", (place) => {
  it("Kysely", async () => {
    const where = place();
    const here = await world(where);
    const pool = new Pool({ connectionString: where.url });
    const kysely = new Kysely<{ readonly people: { readonly email: string } }>({
      dialect: new PostgresDialect({ pool }),
    });
    afterwards(() => kysely.destroy());
    await trial(here, (task) => kysely.transaction().execute((trx) => task(fromKysely(trx))));
    const serializable: InTransaction = (task) =>
      kysely
        .transaction()
        .setIsolationLevel("serializable")
        .execute((trx) => task(fromKysely(trx)));
    await trial(here, serializable, "cid");
    await kysely.connection().execute(async (db) => {
      const within = fromKysely(db as never); // a connection in no transaction
      await expect(here.lifecycle.onboard("bob", { within })).rejects.toMatchObject({
        code: "INVALID_OPTION",
      });
    });
  });

  it("Postgres.js", async () => {
    const where = place();
    const here = await world(where);
    const sql = openPostgresJs(where.url);
    afterwards(() => sql.end());
    await trial(here, (task) => sql.begin((tx) => task(fromPostgresJs(tx))));
  });

  it("pg itself, and of Drizzle, Knex and Prisma as far as a statement goes", async () => {
    const numbered = (text: string): string => {
      let n = 0;
      return text.replaceAll("?", () => `$${++n}`);
    };
    const shapes: readonly ((client: PoolClient) => TransactionClient)[] = [
      (client) => client,
      (client) => fromKnex({ raw: (text, values) => client.query(numbered(text), values) }),
      (client) =>
        fromPrisma({ $queryRawUnsafe: async (text, ...values) => (await client.query(text, values)).rows }),
      (client) =>
        fromDrizzle<Chunk>(
          {
            execute(query) {
              const { text, values } = sent(query);
              return client.query(text, values);
            },
          },
          { raw: (text) => ({ text }), param: (value) => ({ value }), join: (all) => ({ all }) },
        ),
    ];
    for (const shape of shapes) {
      const where = place();
      const here = await world(where);
      const pool = new Pool({ connectionString: where.url });
      afterwards(() => pool.end());
      await trial(here, inPg(pool, shape));
    }
  });
});
