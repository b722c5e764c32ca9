/**
 * Creates the schema and checks whether it exists.
 *
 * @module
 */
import { sleep } from "../../src/clock.ts";
import { LifecycleError, storeUnavailable, storeUnusable, underneath } from "../../src/errors.ts";
import { commitFunction } from "./commits.ts";
import type { Connection } from "./connection.ts";
import { lockTimeout, openError, refusalOf, toMigrate, toMigrateOrRestore } from "./failures.ts";
import { sharedFunctions } from "./functions.ts";
import { joinFunctions } from "./join-functions.ts";
import { query, type PostgresClient } from "./links.ts";
import { outboxFunctions } from "./outbox-functions.ts";
import { probing } from "./probing.ts";
import { oldest, tables, upgrades, version } from "./tables.ts";
import { textFunctions } from "./texts.ts";
import { verbs } from "./verbs.ts";

/** What makes the functions. Their names and parameters stay, so that processes of an earlier release go on. */
const functions = [
  sharedFunctions,
  commitFunction,
  verbs,
  probing,
  outboxFunctions,
  joinFunctions,
  textFunctions,
];

/** The SQL that creates or replaces the functions. @param s the schema, quoted */
export function allFunctions(s: string): string {
  return functions.map((make) => make(s)).join("\n");
}

function failed({ place }: Connection, schema: string): (error: unknown) => LifecycleError {
  return (error) => openError(place, schema, error);
}

/** What is made under these words in the contents of a schema. */
function madeIn(contents: string, words: string): readonly string[] {
  return [...contents.matchAll(new RegExp(`${words} s\\.(\\w+)`, "g"))].map(([, name = ""]) => name);
}

/** The schema's name as an SQL identifier. */
export function quoted(schema: string): string {
  return `"${schema}"`;
}

/**
 * The longest wait for a lock, ms. Whatever needs the same table waits behind it, so it is short, but longer than a
 * second, after which the server ends an autovacuum that is in the way (`deadlock_timeout`).
 */
const longestLockMs = 1_500;

/** The pause before the next attempt, ms: what has waited behind the last one goes on. */
const pauseMs = 200;

/**
 * Creates the schema with all its contents, or upgrades it to this version. Concurrent calls wait for each other.
 *
 * @throws {LifecycleError} `STORE_UNUSABLE`, `STORE_UNAVAILABLE`
 */
export async function migrate(connection: Connection, schema: string): Promise<void> {
  const { clock, timeoutMs } = connection;
  await connection.within(failed(connection, schema), (until) =>
    connection.lend(until, async (client) => {
      for (;;) {
        const lockMs = Math.max(1, Math.min(longestLockMs, Math.floor(0.4 * (until - clock.monotonic()))));
        try {
          await inTransaction(client, async () => {
            await query(client, `SET LOCAL lock_timeout = ${lockMs}`);
            await renew(connection, client, schema);
          });
          return;
        } catch (error) {
          if (refusalOf(error) !== lockTimeout) throw error;
          if (until - clock.monotonic() < timeoutMs / 3)
            throw await lockHeld(connection, client, schema, error);
        }
        await sleep(clock, pauseMs);
      }
    }),
  );
}

/** Creates or upgrades the contents, in a transaction. */
async function renew(connection: Connection, client: PostgresClient, schema: string): Promise<void> {
  const s = quoted(schema);
  await query(client, "SELECT pg_advisory_xact_lock(hashtextextended('oneup-lifecycle ' || $1, 0))", schema);
  const found = await contentsOf(connection, client, schema);
  if (found !== undefined && found.version >= version && found.flaw === null) return;
  if (found !== undefined && found.version > version) throw flawed(connection.place, schema, found);
  // Checked first, because a user without the right to create schemas may have been given an existing one.
  const named = await query(client, "SELECT FROM pg_namespace WHERE nspname = $1", schema);
  if (named.length === 0) await query(client, `CREATE SCHEMA ${s}`);
  // An upgrade also adds what the tables of the version found lack, with the rights that others have on `users`.
  const record =
    found === undefined
      ? `${tables(s)} INSERT INTO ${s}.meta (version, oldest) VALUES (${version}, ${oldest});`
      : `${upgrades(s)} UPDATE ${s}.meta SET version = ${version}, oldest = ${oldest};`;
  await query(client, `${record}\n${allFunctions(s)}`);
}

/** The error of an upgrade that waited for a lock in vain. It names the processes of the server with locks, those of the oldest transactions first; `xact_start` is NULL if the user may not see it. */
async function lockHeld(
  { place }: Connection,
  client: PostgresClient,
  schema: string,
  error: unknown,
): Promise<LifecycleError> {
  const [row] = await query(
    client,
    `SELECT string_agg(concat('process ', pid, ' (' || nullif(application_name, '') || ')'), ', ' ORDER BY xact_start)
      AS names FROM pg_stat_activity WHERE pid IN (
        SELECT pid FROM pg_locks JOIN pg_class ON pg_class.oid = relation
        WHERE granted AND relkind = 'r' AND relnamespace = to_regnamespace($1)
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      ) AND pid <> pg_backend_pid() AND (xact_start < now() - interval '1 second') IS NOT FALSE`,
    quoted(schema),
  );
  const { names } = row as { readonly names: string | null }; // as selected
  return new LifecycleError(
    "STORE_UNAVAILABLE",
    `Cannot migrate the store in ${place}: another transaction holds a lock on a table of its schema "${schema}"${names === null ? "" : `: ${names}`}; nothing was changed. Call migrate() again once that transaction has ended, as that of a pg_dump does by itself`,
    { retryable: true, cause: underneath(error), facts: { waitsFor: "lock" } },
  );
}

/** Runs the task in a transaction, and rolls it back if it fails. */
export async function inTransaction<T>(client: PostgresClient, task: () => Promise<T>): Promise<T> {
  await query(client, "BEGIN");
  try {
    const done = await task();
    await query(client, "COMMIT");
    return done;
  } catch (error) {
    await query(client, "ROLLBACK").catch(() => {}); // the connection is lost, and the transaction with it
    throw error;
  }
}

/**
 * Checks whether the store can be used: for reading only, or by a process that also writes.
 *
 * @throws {LifecycleError} `STORE_UNUSABLE`; `STORE_UNAVAILABLE`, also while the server takes no writes and they are needed
 */
export async function look(connection: Connection, schema: string, readOnly: boolean): Promise<void> {
  return connection.within(failed(connection, schema), (until) =>
    connection.lend(until, async (client) => {
      const { place } = connection;
      const found = await contentsOf(connection, client, schema);
      if (found === undefined)
        throw unusable(place, `its schema "${schema}" is missing: ${toMigrateOrRestore}`);
      if (found.version < version)
        throw unusable(
          place,
          `its schema "${schema}" has version ${found.version}, and this release needs ${version}: ${toMigrate}`,
        );
      if (found.flaw !== null) throw flawed(place, schema, found);
      if (found.takesNoWrites !== null && !readOnly)
        throw storeUnavailable(`Cannot open the store in ${place}: ${found.takesNoWrites}`);
    }),
  );
}

/** What a schema holds, and whether its server takes writes. */
interface Contents {
  readonly version: number;
  /** What is wrong with its functions, which hold no data and can be made anew. */
  readonly flaw: string | null;
  /** Why the server takes no writes now. */
  readonly takesNoWrites: string | null;
}

function flawed(place: string, schema: string, found: Contents): LifecycleError {
  const todo =
    found.version > version
      ? `run oneup-lifecycle migrate of the release that created it, with version ${found.version}`
      : toMigrate;
  return unusable(place, `its schema "${schema}" ${found.flaw}: ${todo}, which makes them anew`);
}

/** What is selected of the server's settings. */
interface Server {
  readonly version: number;
  readonly encoding: string;
  readonly is_replica: boolean;
  readonly reads_only: string;
  readonly isolation: string;
}

/** The server must be able to store any JavaScript string. */
function refuseServer(place: string, { version, encoding, isolation }: Server): void {
  if (version < 140_000) throw unusable(place, `it must be PostgreSQL 14 or later, not ${version}`);
  if (encoding !== "UTF8") throw unusable(place, `the database must be in UTF8, not ${encoding}`);
  if (isolation !== "read committed") {
    throw unusable(place, `default_transaction_isolation must be read committed, not ${isolation}`);
  }
}

function takesNoWrites({ is_replica, reads_only }: Server): string | null {
  if (is_replica) return "it is a replica and therefore read-only";
  return reads_only === "on" ? "it is read-only: default_transaction_read_only is on" : null;
}

/**
 * Looks at the server and at the contents of the schema. `undefined`: they are missing.
 *
 * @throws {LifecycleError} `STORE_UNUSABLE`: of the server, because a table is missing, or because a newer release made
 *   them on which this one does not work
 */
async function contentsOf(
  { place }: Connection,
  client: PostgresClient,
  schema: string,
): Promise<Contents | undefined> {
  const lacking = (names: readonly string[], there: string): string =>
    `(SELECT string_agg(name, ', ') FROM unnest('{${names.join()}}'::text[]) AS name WHERE name NOT IN (${there}))`;
  const own = "FROM pg_proc WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)";
  const [server] = await query(
    client,
    `SELECT current_setting('server_version_num')::integer AS version,
      current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS is_replica,
      current_setting('transaction_read_only') AS reads_only,
      current_setting('transaction_isolation') AS isolation,
      ${lacking(madeIn(tables("s"), "CREATE TABLE"), "SELECT tablename FROM pg_tables WHERE schemaname = $1")} AS lost_tables,
      ${lacking(madeIn(allFunctions("s"), "CREATE OR REPLACE FUNCTION"), `SELECT proname ${own}`)} AS lost_functions,
      (SELECT substring(prosrc FROM '"([^"]+)"[.]account') ${own} AND proname = 'load_account' LIMIT 1) AS made_for`,
    schema,
  );
  refuseServer(place, server as Server);
  const { lost_tables, lost_functions, made_for } = server as {
    readonly lost_tables: string | null;
    readonly lost_functions: string | null;
    readonly made_for: string | null;
  }; // as selected
  const incomplete = (what: string): LifecycleError =>
    unusable(
      place,
      `its schema "${schema}" is incomplete, as after a restore that failed, without ${what}: restore the whole backup`,
    );
  if (lost_tables?.split(", ").includes("meta")) {
    if (made_for === null) return undefined;
    throw incomplete(`its tables ${lost_tables}`);
  }
  const [its] = (await query(client, `SELECT version, oldest FROM ${quoted(schema)}.meta`)) as readonly {
    readonly version: number;
    readonly oldest: number;
  }[]; // as selected
  if (its === undefined) throw incomplete("the row of its table meta");
  if (its.oldest > version)
    throw unusable(
      place,
      `another release created its schema "${schema}", version ${its.version}, and this one knows version ${version}: start that release, or a newer one`,
    );
  const isNewer = its.version > version; // with other contents, perhaps
  if (lost_tables !== null && !isNewer) throw incomplete(`its tables ${lost_tables}`);
  // PostgreSQL renames a schema, but not what stands in the text of its functions.
  const flaw =
    made_for !== null && made_for !== schema
      ? `has the functions of the schema "${made_for}", which read and write there, as after ALTER SCHEMA … RENAME`
      : lost_functions !== null && !isNewer
        ? `lacks functions (${lost_functions}), as after an incomplete restore`
        : null;
  return { version: its.version, flaw, takesNoWrites: takesNoWrites(server as Server) };
}

function unusable(place: string, rule: string): LifecycleError {
  return storeUnusable(`Cannot open the store in ${place}: ${rule}`);
}
