/**
 * A store in PostgreSQL, for any number of processes on any number of machines, beside an application's own tables.
 *
 * @module
 */
import { systemClock, type Clock } from "../src/clock.ts";
import {
  checkCount,
  checkTimeout,
  optionsOf,
  type OptionNames,
  unfitOption,
} from "../src/store/adapter-options.ts";
import type {
  AccountRecord,
  Batch,
  Claimed,
  Committed,
  Counts,
  Forecast,
  Slot,
  Store,
  StoreAdapter,
  Tally,
} from "../src/store/contract.ts";
import type { MovableStore } from "../src/store/movable.ts";
import { keyvView, sharedBackend, type KeyvView } from "../src/store/keyv-view.ts";
import { encodeValue } from "../src/store/row-rules.ts";
import { ServerTime, type Behind } from "../src/store/server-time.ts";
import { none } from "../src/store/lane-scheduler.ts";
import { forecastOf } from "../src/store/slot-log.ts";
import { batches } from "./postgres/batches.ts";
import { calling, Connection, type Verb } from "./postgres/connection.ts";
import { keyvBackend } from "./postgres/keyv-backend.ts";
import { targetOf, type Where } from "./postgres/links.ts";
import { look, migrate, quoted } from "./postgres/migrate.ts";
import { postgresOutbox } from "./postgres/outbox.ts";
import { postgresJoins } from "./postgres/joins.ts";
import {
  claimedOf,
  committedOf,
  idsOf,
  limitOf,
  loaded,
  logOf,
  valuesOf,
  writeOf,
  type Found,
  type SentBatch,
  type SentRow,
  type Told,
  type Write,
} from "./postgres/rows.ts";
import { postgresTransfer } from "./postgres/transfer.ts";

export type { PostgresClient, PostgresPool, Statement, Where } from "./postgres/links.ts";

/** Options of {@link postgres}. */
export interface PostgresOptions {
  /**
   * The schema that holds the tables and functions. Use different schemas for lifecycles of one account that must be
   * kept apart in one database: they share no limit, so `limits` must divide 1upHealth's between them. Lower-case letters,
   * digits and `_`.
   * @default "oneup_lifecycle"
   */
  readonly schema?: string;
  /**
   * Timeout of one store call in milliseconds, including reconnecting; the call then rejects with `STORE_UNAVAILABLE`.
   * A little earlier the server gives up waiting for a lock (`lock_timeout`, for this statement alone).
   * @default 5000
   */
  readonly timeoutMs?: number;
  /** Maximum number of connections per opening, if the adapter creates the pool itself. @default 5 */
  readonly connections?: number;
}

/** What {@link postgres} returns. */
export interface PostgresAdapter extends StoreAdapter, KeyvView {
  /**
   * Creates the schema with its tables and functions, or upgrades it to this release's version. Call it on deployment
   * or before each opening. It is idempotent and may be called by several processes at once. The database user needs
   * the right to create a schema. The application may run as another user, to whom you grant `USAGE` on the schema and
   * all rights on its tables.
   *
   * @throws {LifecycleError} `STORE_UNUSABLE` if the user lacks the right, or if a newer release created the schema;
   *   `STORE_UNAVAILABLE` if the server cannot be reached, or if another transaction holds a lock that an upgrade needs
   * @example
   * ```ts
   * import { postgres } from "oneup-lifecycle/adapters/postgres";
   *
   * function deploy(url: string): Promise<void> {
   *   return postgres(url).migrate();
   * }
   * ```
   */
  migrate(): Promise<void>;
}

/**
 * A store in PostgreSQL (14 or later). `where` is
 * - a URL: `postgres://user:password@host:5432/database`, with `?sslmode=verify-full` for TLS. Every opening has a few
 *   connections of its own. The package `pg` must be installed;
 * - a `Pool` of `pg`, or a compatible object, for any other configuration. You end it, after the lifecycle. Give its role a
 *   `CONNECTION LIMIT`: a COMMIT that waits for a replica outlives its call, and the pool opens another connection.
 *
 * Every call is a single statement and leaves no session state, so poolers in transaction mode (PgBouncer) may stand in
 * front of the server. Call `migrate()` once before the first opening.
 *
 * An acknowledged write is as durable as the server makes it: with `synchronous_commit` at its default it survives a
 * power cut, but a failover to a lagging replica loses the writes it had not received.
 *
 * @throws {LifecycleError} `INVALID_OPTION` for a malformed URL, `schema`, `timeoutMs` or `connections`. On opening:
 *   `STORE_UNAVAILABLE` if the server cannot be reached or is read-only, `STORE_UNUSABLE` if it refuses the user or
 *   `migrate()` was not called
 * @example
 * ```ts
 * import { createLifecycle, type Lifecycle } from "oneup-lifecycle";
 * import { postgres } from "oneup-lifecycle/adapters/postgres";
 *
 * function open(clientId: string, clientSecret: string, key: string): Promise<Lifecycle> {
 *   return createLifecycle({
 *     credentials: { clientId, clientSecret },
 *     store: postgres("postgres://localhost:5432/app"),
 *     encryption: { keys: [key] },
 *   });
 * }
 * ```
 */
export function postgres(where: Where, options: PostgresOptions = {}): PostgresAdapter {
  const { schema = "oneup_lifecycle", timeoutMs = 5_000, connections = 5 } = optionsOf(verb, options, names);
  checkTimeout(verb, timeoutMs);
  checkCount(verb, "connections", connections);
  if (typeof schema !== "string" || !/^[a-z_][a-z0-9_]{0,62}$/.test(schema) || schema.startsWith("pg_")) {
    throw unfitOption(
      verb,
      "`schema` must be 1 to 63 lower-case letters, digits and _, not beginning with pg_",
      schema,
    );
  }
  const link = targetOf(where, connections);
  const accounts = new Set<string>();
  const connectionOf = (clock: Clock): Connection => new Connection(link(timeoutMs), clock, timeoutMs);
  const opened = async (clock: Clock, readOnly = false): Promise<Connection> => {
    const connection = connectionOf(clock);
    try {
      await look(connection, schema, readOnly);
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  };
  const backend = sharedBackend(async () => keyvBackend(await opened(systemClock), quoted(schema)));
  return {
    name: "postgres",
    durable: true,
    timeoutMs,
    keyv: (keyvOptions) => keyvView(keyvOptions, backend, accounts),
    async migrate() {
      const connection = connectionOf(systemClock);
      try {
        await migrate(connection, schema);
      } finally {
        await connection.close();
      }
    },
    async open({ account, clock, readOnly = false }): Promise<Store> {
      const connection = await opened(clock, readOnly);
      accounts.add(account);
      return postgresStore(connection, quoted(schema), account, clock);
    },
  };
}

const names: OptionNames<PostgresOptions> = { schema: true, timeoutMs: true, connections: true };
const verb = "use a PostgreSQL store";

function postgresStore(connection: Connection, s: string, account: string, clock: Clock): MovableStore {
  const time = new ServerTime(clock);
  const known = (): string => JSON.stringify(time.known());
  connection.heardTime = (at, sentAt) => time.observe(at, sentAt);
  const verb = calling(s);
  const joins = postgresJoins(connection, s, account);
  /** Also tells whether there are users to take in, as they were before the answer was read. */
  const telling = (doing: Verb["doing"], repeatable: boolean, call: string): Verb => ({
    ...verb(doing, repeatable, call),
    text: `SELECT ${joins.areThere(call)} AS joins, ${s}.${call} AS answer`,
  });
  const timed = (doing: Verb["doing"], repeatable: boolean, call: string): Verb => ({
    ...telling(doing, repeatable, call),
    isTimed: true,
  });
  const verbs = {
    load: timed("read", true, "load_users($1, $2)"),
    commit: verb("write to", true, "commit_users($1, $2, $3, $4, $5)"), // idempotent by its writeId
    erase: verb("write to", true, "erase_users($1, $2, $3, $4)"),
    claim: timed("write to", false, "claim_users($1, $2, $3, $4, $5, $6)"),
    correctRows: verb("write to", false, "put_right($1, $2, $3, $4)"),
    grant: timed(
      "write to",
      false,
      "grant_users($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    ),
    take: verb("write to", false, "take_slot($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"),
    end: verb("write to", false, "end_slot($1, $2, $3, $4, $5, $6)"),
    forecast: timed("read", true, "forecast($1, $2)"),
    page: telling("read", true, "page_users($1, $2, $3, $4)"),
    counts: telling("read", true, "count_users($1)"),
    tally: telling("read", true, "tally_users($1)"),
    loadAccount: verb("read", true, "load_account($1)"),
    commitAccount: verb("write to", true, "commit_account($1, $2, $3, $4, $5)"),
    probe: verb("write to", true, "takes_writes()"),
    takeSpace: verb("write to", true, "take_space()"),
  };
  /** Results have the shape that the functions in `verbs.ts` return. */
  const ask = <Answer>(which: Verb, ...values: unknown[]): Promise<Answer> =>
    connection.ask(which, [account, ...values]) as Promise<Answer>;
  /** The same for a verb that takes slots: each attempt is sent with what is known of the server's time by then. */
  const askTaking = <Answer>(which: Verb, values: () => readonly unknown[]): Promise<Answer> =>
    connection.during(which.doing, (until) =>
      connection.run(which, () => [account, ...values()], until),
    ) as Promise<Answer>;
  /** Reads, once more where users had to be taken in. */
  const read = async <Answer>(which: Verb, ...values: unknown[]): Promise<Answer> => {
    const first = await ask<Told<Answer>>(which, ...values);
    const again =
      first.joins && (await joins.takeInAll()) ? await ask<Told<Answer>>(which, ...values) : first;
    return again.answer;
  };

  const commits = batches<Write, Committed>(connection, {
    verb: verbs.commit,
    ids: idsOf,
    values: (writes) => valuesOf(account, writes, time.known()),
    answers: (reply) => (reply as Parameters<typeof committedOf>[0][]).map(committedOf), // as the function returns it
    // Each write may lock a name, and PostgreSQL has room for 64 locks per connection by default
    // (max_locks_per_transaction).
    most: 48,
    flights: 2,
  });
  const loads = batches<string, Found>(connection, {
    verb: verbs.load,
    values: (ids) => [account, JSON.stringify([...new Set(ids)])],
    answers(reply, ids) {
      const { joins, answer } = reply as Told<readonly [number, readonly SentRow[] | null]>;
      const [now, rows] = answer;
      const found = new Map(rows?.map((row) => [row[0], row]));
      return ids.map((id) => ({ now, row: found.get(id), joins }));
    },
    most: 128,
    flights: 2,
  });
  /** A batch of users; once users were taken in, there may be more at once. */
  const batch = async <Each>(
    asked: Promise<Told<SentBatch<Each>>>,
    decode: (now: number, each: Each) => readonly Claimed[],
  ): Promise<Batch> => {
    const { joins: areThere, answer } = await asked;
    const [now, nextInMs, claimed] = answer;
    const hasMore = areThere && (await joins.takeInAll());
    return {
      claimed: (claimed ?? []).flatMap((each) => decode(now, each)),
      nextInMs: hasMore ? 0 : nextInMs,
    };
  };
  const endSlot = async (kind: "settle" | "back", { limit, windowMs, lane, at }: Slot): Promise<void> => {
    await ask(verbs.end, kind, limit, windowMs, lane, at);
  };

  /** Corrects rows after the server's clock was set back. If this fails, the next claim continues. */
  const correctRows = async ({ start, stop, byMs }: Behind): Promise<void> => {
    const [, last] = await ask<readonly [number, number | null]>(verbs.correctRows, start, stop, byMs);
    time.rowsCorrected(last);
  };

  return {
    async load(id) {
      const found = await loads(id);
      if (!found.joins) return loaded(id, found);
      const isTakenIn = await joins.takeIn(id, found.row === undefined);
      return loaded(id, isTakenIn ? await loads(id) : found);
    },
    join: joins.join,
    commit: async (commit) => commits(writeOf({ commit })),
    move: async (move) => commits(writeOf(move)),
    erase: async ({ ids, to, identity = null }) => void (await ask(verbs.erase, ids, [...ids, to], identity)),
    async claim({ limit, lease, identity = null }) {
      if (time.behind !== null) await correctRows(time.behind);
      const values = [limit, lease.id, lease.owner, lease.ms, identity];
      const asked = ask<Told<SentBatch<SentRow>>>(verbs.claim, ...values);
      return batch(asked, (now, row) => claimedOf(row, null, now));
    },
    async grant({ limit, max, holdMs, lease, identity = null }) {
      const { paused = null } = limit;
      const ahead = [...limitOf(limit), max, holdMs, lease.id, lease.owner, lease.ms];
      const values = (): unknown[] => [...ahead, known(), identity, paused];
      const asked = askTaking<Told<SentBatch<readonly [SentRow, Slot]>>>(verbs.grant, values);
      return batch(asked, (now, [row, slot]) => claimedOf(row, slot, now));
    },
    slots: {
      take: ({ limit, holdMs, lane, identity = null }) =>
        askTaking(verbs.take, () => [
          ...limitOf(limit),
          holdMs,
          lane,
          known(),
          identity,
          limit.paused ?? null,
        ]),
      settle: (slot) => endSlot("settle", slot),
      giveBack: (slot) => endSlot("back", slot),
      async forecast(asked): Promise<Forecast> {
        const [now, waits, sent, head, since] = await read<
          readonly [number, Partial<Counts> | null, ...Parameters<typeof logOf>, Partial<Counts> | null]
        >(verbs.forecast, asked.limit.name);
        const queues = { waiting: { ...none, ...waits }, since: since ?? {} };
        return forecastOf(logOf(sent, head), asked, { now, past: time.past }, queues);
      },
    },
    page: async ({ state, after, limit }) =>
      (await read<readonly string[] | null>(verbs.page, state ?? null, after ?? "", limit)) ?? [],
    counts: async () => (await read<Readonly<Record<string, number>> | null>(verbs.counts)) ?? {},
    tally: async () => (await read<Readonly<Record<string, Tally>> | null>(verbs.tally)) ?? {},
    events: postgresOutbox(verb, ask, telling, read),
    transfer: postgresTransfer(connection, s, account, joins),
    account: {
      load: () => ask<AccountRecord | null>(verbs.loadAccount),
      commit: async ({ value, expectedRevision, writeId, identity = null }) =>
        ask<boolean>(verbs.commitAccount, expectedRevision, writeId, encodeValue(value), identity),
    },
    async probe(hasFailed = false) {
      await connection.ask(verbs.probe, []);
      if (hasFailed) await connection.ask(verbs.takeSpace, []);
    },
    close: () => connection.close(),
  };
}
