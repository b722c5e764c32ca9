/**
 * The verbs of a move, as statements.
 *
 * @module
 */
import { storeUnavailable, underneath } from "../../src/errors.ts";
import { lostStore } from "../../src/store/lost-store.ts";
import type { KeptRows, Transfer } from "../../src/store/movable.ts";
import { encodeValue, type Row, type Tombstone } from "../../src/store/row-rules.ts";
import type { Connection, Verb } from "./connection.ts";
import { lockTimeout, refusalOf } from "./failures.ts";
import { row } from "./functions.ts";
import { fenceName, type Joins } from "./joins.ts";
import { query, type PostgresClient } from "./links.ts";
import { inTransaction } from "./migrate.ts";
import { isEmpty } from "../../src/store/slot-log.ts";
import { logOf, rowOf, type SentRow } from "./rows.ts";

/** Rows, or events, that one statement of `clear` removes. */
const clearedAtOnce = 1_000;

/** How long the fence waits for transactions that are under way, ms: every other call waits behind it. */
const fenceWaitMs = 2_000;

/** How often the fence takes in users, of which each locks two names until its end. */
const lastRounds = 10;

/** The verbs for one account. @param s the schema, quoted */
export function postgresTransfer(connection: Connection, s: string, account: string, joins: Joins): Transfer {
  const read = (text: string): Verb => ({ text, doing: "read", repeatable: true });
  /** A statement that holds the account's record while it writes: a fence waits for it. */
  const held = (rest: string): Verb => ({
    text: `WITH held AS MATERIALIZED (SELECT FROM ${s}.account
      WHERE account = $1 AND ($2::text IS NULL OR identity = $2) FOR UPDATE), ${rest}`,
    doing: "write to",
    repeatable: true,
  });
  const verbs = {
    now: read(`SELECT ${s}.now_ms()::text AS answer`),
    rows: read(`SELECT json_agg(json_build_array(${row}, stale_at))::text AS answer FROM (
      SELECT * FROM ${s}.users WHERE account = $1 AND id > $2 ORDER BY id LIMIT $3) AS page`),
    rowsOf: read(`SELECT json_agg(json_build_array(${row}, stale_at))::text AS answer FROM ${s}.users
      WHERE account = $1 AND id = ANY (ARRAY(SELECT json_array_elements_text($2::json)))`),
    logs: read(`SELECT json_agg(json_build_array(asked.name,
      (SELECT json_agg(json_build_array(at, lane, calls) ORDER BY at) FROM ${s}.slots AS slot
        WHERE account = $1 AND slot.name = asked.name),
      (SELECT json_build_array(window_ms, asked_at, taken_at, moved_ms, moves, seen) FROM ${s}.logs AS head
        WHERE account = $1 AND head.name = asked.name)
    ))::text AS answer FROM json_array_elements_text($2::json) AS asked (name)`),
    // Values are sent apart: to read a part of JSON that has \u0000 somewhere, PostgreSQL would decode all of it.
    writeRows: held(`written AS (
      INSERT INTO ${s}.users (account, id, revision, write_id, state, due_at, lane, waits_since,
        lease_id, lease_owner, lease_until, took, renamed_to, stale_at, value)
      SELECT $1, r->>0, (r->>1)::bigint, r->>2, r->>3, (r->>4)::float8, r->>5, (r->>6)::float8, r->7->>'id',
        r->7->>'owner', (r->7->>'until')::float8, CASE WHEN r->>8 IS NOT NULL THEN r->8 END, r->>9,
        (r->>10)::float8, sent.value::json
      FROM held, unnest($3::json[], $4::text[]) AS sent (r, value)
      ON CONFLICT (account, id) DO UPDATE SET revision = excluded.revision, write_id = excluded.write_id,
        state = excluded.state, due_at = excluded.due_at, lane = excluded.lane, waits_since = excluded.waits_since,
        lease_id = excluded.lease_id, lease_owner = excluded.lease_owner, lease_until = excluded.lease_until,
        took = excluded.took, renamed_to = excluded.renamed_to, stale_at = excluded.stale_at, value = excluded.value)
      SELECT count(*)::text AS answer FROM held`),
    writeLog: held(`gone AS (
      DELETE FROM ${s}.slots USING held WHERE account = $1 AND name = $3
        AND (at, lane) NOT IN (SELECT (r->>0)::float8, r->>1 FROM json_array_elements($4::json) AS r)
    ), written AS (
      INSERT INTO ${s}.slots (account, name, at, lane, calls)
      SELECT $1, $3, (r->>0)::float8, r->>1, (r->>2)::bigint FROM held, json_array_elements($4::json) AS r
      ON CONFLICT (account, name, at, lane) DO UPDATE SET calls = excluded.calls
    ), head AS (
      INSERT INTO ${s}.logs (account, name, window_ms, asked_at, taken_at)
      SELECT $1, $3, $5::float8, $6::float8, $7::float8 FROM held
      ON CONFLICT (account, name) DO UPDATE SET window_ms = excluded.window_ms, asked_at = excluded.asked_at,
        taken_at = excluded.taken_at)
      SELECT count(*)::text AS answer FROM held`),
    writeEvents: held(`written AS (
      INSERT INTO ${s}.events (account, number, key, at, value)
      SELECT $1, sent.number, sent.key, sent.at, sent.value::json
      FROM held, unnest($5::bigint[], $6::text[], $7::float8[], $8::text[]) AS sent (number, key, at, value)
      ON CONFLICT (account, number) DO UPDATE SET key = excluded.key, at = excluded.at, value = excluded.value
    ), head AS (
      INSERT INTO ${s}.outboxes (account, last, trimmed) SELECT $1, $3::bigint, $4::bigint FROM held
      ON CONFLICT (account) DO UPDATE SET last = excluded.last, trimmed = excluded.trimmed)
      SELECT count(*)::text AS answer FROM held`),
    count: held(`there AS (
      SELECT 's:' || state AS key, count(*) AS n FROM held, ${s}.users WHERE account = $1 AND renamed_to IS NULL
        GROUP BY state
      UNION ALL
      SELECT 'l:' || lane, count(*) FROM held, ${s}.users
        WHERE account = $1 AND lane IS NOT NULL AND lease_id IS NULL GROUP BY lane
    ), gone AS (
      DELETE FROM ${s}.counts USING held WHERE account = $1 AND (key, shard) NOT IN (SELECT key, 0 FROM there)
    ), written AS (
      INSERT INTO ${s}.counts (account, key, shard, n) SELECT $1, key, 0, n FROM there
      ON CONFLICT (account, key, shard) DO UPDATE SET n = excluded.n)
      SELECT count(*)::text AS answer FROM held`),
    clearSome: held(`users AS (
      DELETE FROM ${s}.users WHERE ctid = ANY (ARRAY(
        SELECT u.ctid FROM held, ${s}.users AS u WHERE account = $1 LIMIT ${clearedAtOnce})) RETURNING 1
    ), events AS (
      DELETE FROM ${s}.events WHERE ctid = ANY (ARRAY(
        SELECT e.ctid FROM held, ${s}.events AS e WHERE account = $1 LIMIT ${clearedAtOnce})) RETURNING 1)
      SELECT CASE WHEN EXISTS (SELECT FROM held)
        THEN (SELECT count(*) FROM users) + (SELECT count(*) FROM events) ELSE -1 END::text AS answer`),
    clearRest: held(`joins AS (DELETE FROM ${s}.joins USING held WHERE account = $1),
      arrivals AS (DELETE FROM ${s}.arrivals USING held WHERE account = $1),
      slots AS (DELETE FROM ${s}.slots USING held WHERE account = $1),
      logs AS (DELETE FROM ${s}.logs USING held WHERE account = $1),
      counts AS (DELETE FROM ${s}.counts USING held WHERE account = $1),
      outboxes AS (DELETE FROM ${s}.outboxes USING held WHERE account = $1),
      record AS (DELETE FROM ${s}.account USING held WHERE account = $1)
      SELECT count(*)::text AS answer FROM held`),
  };
  const ask = <Answer>(which: Verb, ...values: unknown[]): Promise<Answer> =>
    connection.ask(which, which === verbs.now ? [] : [account, ...values]) as Promise<Answer>; // as selected
  const write = async (which: Verb, ...values: unknown[]): Promise<number> => {
    const answer = await ask<number>(which, ...values);
    if (answer === (which === verbs.clearSome ? -1 : 0)) throw lostStore();
    return answer;
  };
  const rowsIn = (sent: readonly (readonly [SentRow, staleAt: number | null])[] | null): KeptRows =>
    (sent ?? []).map(([each, staleAt]) => {
      const found = rowOf(each);
      return [each[0], "renamedTo" in found || staleAt === null ? found : { ...found, staleAt }];
    });

  /** Waits for open transactions with a new user, behind no other verb, and lets none begin. */
  const endJoins = async (client: PostgresClient): Promise<void> => {
    try {
      await query(client, "SELECT pg_advisory_xact_lock(hashtextextended($1, 5))", fenceName(s, account));
    } catch (error) {
      if (refusalOf(error) !== lockTimeout) throw error;
      throw storeUnavailable(
        `Cannot end the use of the PostgreSQL store: a transaction of the application that onboards within it was open for all of ${fenceWaitMs} ms; commit it or roll it back, and try again`,
        { cause: underneath(error), facts: { waitsFor: "transaction" } },
      );
    }
  };
  /** Takes in the users that the last of them have left. */
  const takeInLast = async (client: PostgresClient): Promise<void> => {
    for (let round = 0; round < lastRounds; round++) {
      const [taken] = await query(client, `SELECT ${s}.take_in($1, '{}') AS took`, account);
      const { took } = taken as { readonly took: string }; // as selected
      if (took === "0") return;
    }
    throw storeUnavailable(
      "Cannot end the use of the PostgreSQL store: too many new users were committed at this moment; try again",
    );
  };

  return {
    now: () => ask(verbs.now),
    async seat({ value, expectedRevision, expectedIdentity, writeId, identity }) {
      await joins.takeInAll();
      return connection.during("write to", (until) =>
        connection.lend(until, (client) =>
          inTransaction(client, async () => {
            await query(client, `SET LOCAL lock_timeout = ${fenceWaitMs}`);
            await endJoins(client);
            // Every verb that writes has read this table before: this waits for those that are under way.
            await query(client, `LOCK TABLE ${s}.account IN ACCESS EXCLUSIVE MODE`);
            await takeInLast(client);
            const values = [
              account,
              expectedRevision,
              writeId,
              identity,
              encodeValue(value),
              expectedIdentity,
            ];
            await query(
              client,
              `UPDATE ${s}.account SET revision = $2::bigint + 1, write_id = $3, identity = $4, value = $5::json
                  WHERE account = $1 AND revision = $2::bigint AND write_id <> $3 AND identity = $6`,
              ...values,
            );
            const own = `SELECT FROM ${s}.account WHERE account = $1 AND write_id = $2`;
            return (await query(client, own, account, writeId)).length > 0;
          }),
        ),
      );
    },
    async rows(after, limit) {
      const rows = rowsIn(await ask(verbs.rows, after ?? "", limit));
      return { rows, next: rows.length < limit ? null : (rows.at(-1)?.[0] ?? null) };
    },
    rowsOf: async (ids) => rowsIn(await ask(verbs.rowsOf, JSON.stringify(ids))),
    async logs(limits) {
      const kept = await ask<readonly [limit: string, ...Parameters<typeof logOf>][]>(
        verbs.logs,
        JSON.stringify(limits),
      );
      const logs = kept.map(([limit, ...log]) => [limit, logOf(...log)] as const);
      return new Map(logs.filter(([, log]) => !isEmpty(log)));
    },
    async writeRows({ rows, identity = null }) {
      const heads = rows.map(([id, each]) => headOf(id, each));
      const values = rows.map(([, each]) => ("renamedTo" in each ? "null" : encodeValue(each.value)));
      await write(verbs.writeRows, identity, heads, values);
    },
    async writeLog({ limit, log: { windowMs, askedAt, takenAt, moments }, identity = null }) {
      const slots = moments.flatMap(([at, interactive, recovery, bulk]) =>
        Object.entries({ interactive, recovery, bulk }).map(([lane, calls]) => [at, lane, calls]),
      );
      const kept = slots.filter(([, , calls]) => Number(calls) > 0);
      await write(verbs.writeLog, identity, limit, JSON.stringify(kept), windowMs, askedAt, takenAt);
    },
    async writeEvents({ events, last, trimmed, identity = null }) {
      const numbers = events.map(({ number }) => number);
      const keys = events.map(({ key }) => JSON.stringify(key));
      const times = events.map(({ at }) => at);
      const values = events.map(({ value }) => encodeValue(value));
      await write(verbs.writeEvents, identity, last, trimmed, numbers, keys, times, values);
    },
    complete: async ({ identity = null }) => void (await write(verbs.count, identity)),
    async clear({ identity = null }) {
      if ((await write(verbs.clearSome, identity)) > 0) return false;
      await write(verbs.clearRest, identity);
      return true;
    },
  };
}

/** A row as `rowOf` reads it, without its value. */
function headOf(id: string, kept: Row | Tombstone): string {
  if ("renamedTo" in kept)
    return JSON.stringify([id, 0, "", "", null, null, null, null, null, kept.renamedTo, null]);
  const { revision, writeId, state, dueAt, lane, waitsSince, lease, staleAt = null, took = null } = kept;
  return JSON.stringify([id, revision, writeId, state, dueAt, lane, waitsSince, lease, took, null, staleAt]);
}
