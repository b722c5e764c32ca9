import type { TransactionClient } from "oneup-lifecycle";
import { CompiledQuery, type Transaction } from "kysely";
import type { TransactionSql } from "postgres";

/** Kysely: `db.transaction().execute((trx) => lifecycle.onboard(email, { within: fromKysely(trx) }))`. */
export const fromKysely = <Tables>(trx: Transaction<Tables>): TransactionClient => ({
  query: (text, values) => trx.executeQuery(CompiledQuery.raw(text, values)),
});

/** Postgres.js: `sql.begin((tx) => lifecycle.onboard(email, { within: fromPostgresJs(tx) }))`. */
export const fromPostgresJs = (tx: TransactionSql): TransactionClient => ({
  query: async (text, values) => ({ rows: await tx.unsafe(text, values) }),
});

/** Knex: `knex.transaction((trx) => lifecycle.onboard(email, { within: fromKnex(trx) }))`. */
export const fromKnex = (trx: {
  raw(text: string, values: string[]): PromiseLike<{ readonly rows: unknown[] }>;
}): TransactionClient => ({
  query: async (text, values) => trx.raw(text.replaceAll(/\$\d+/g, "?"), values),
});

/** Drizzle on `pg`, with its `sql`: `db.transaction((tx) => lifecycle.onboard(email, { within: fromDrizzle(tx, sql) }))`. */
export const fromDrizzle = <Query>(
  tx: { execute(query: Query): PromiseLike<{ readonly rows: unknown[] }> },
  sql: { raw(text: string): Query; param(value: string): unknown; join(chunks: never[]): Query },
): TransactionClient => ({
  async query(text, values) {
    const parts = text.split(/\$\d+/).map((part) => sql.raw(part));
    const chunks = parts.flatMap((part, n) => (n === 0 ? [part] : [sql.param(values[n - 1] ?? ""), part]));
    return tx.execute(sql.join(chunks as never[]));
  },
});

/** Prisma: `prisma.$transaction((tx) => lifecycle.onboard(email, { within: fromPrisma(tx) }))`. */
export const fromPrisma = (tx: {
  $queryRawUnsafe(text: string, ...values: string[]): PromiseLike<unknown>;
}): TransactionClient => ({
  query: async (text, values) => ({ rows: (await tx.$queryRawUnsafe(text, ...values)) as unknown[] }),
});
