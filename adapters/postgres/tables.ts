/**
 * The tables, created once by `migrate()`. Every property of a row that can be declared is declared as a constraint, so
 * all rows are valid, whether written by this code or by other means.
 *
 * | table | holds |
 * |---|---|
 * | `meta` | the version of the schema, and the oldest one whose releases work on it |
 * | `users` | a row for each user, and one for each id that was renamed |
 * | `counts` | users by state (`s:created`) and by lane in which they wait (`l:bulk`), as a sum over shards |
 * | `slots` | for each limit: moments, lanes, and how many calls count from there |
 * | `logs` | the head of each slot log: see `slot-log.ts` |
 * | `account` | the account's record |
 * | `arrivals` | events that have no number yet, by a sequence |
 * | `events` | events by number |
 * | `outboxes` | the highest number given to an event, and the highest removed by age |
 * | `joins` | new users that transactions of the application have written, until they are taken in |
 * | `texts` | the entries of the Keyv storage adapters |
 *
 * @module
 */

/** The version of the schema, incremented with every change of it. */
export const version = 6;

/**
 * The oldest version whose releases work on a schema of this one: in a rolling update they are restarted on it. Raise it
 * with a change that breaks them, such as another name or parameter of a function. Releases of version 1 call
 * `forget_events` and `replace_event` with other parameters.
 */
export const oldest = 2;

/**
 * The SQL that creates the tables. Users are updated constantly, so autovacuum runs more often than by default. Times
 * are milliseconds since 1970 by the server's clock. The type is `json`, because `jsonb` rejects `\u0000`.
 *
 * @param s the schema, quoted
 */
export function tables(s: string): string {
  return `
CREATE TABLE ${s}.meta (version integer NOT NULL, oldest integer NOT NULL);

CREATE TABLE ${s}.users (
  account text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  revision bigint NOT NULL DEFAULT 0,
  write_id text NOT NULL DEFAULT '',
  state text COLLATE "C" NOT NULL DEFAULT '',
  due_at float8,
  lane text COLLATE "C" CHECK (lane IN ('interactive', 'recovery', 'bulk')),
  waits_since float8,
  lease_id text,
  lease_owner text,
  lease_until float8,
  took json,
  value json NOT NULL DEFAULT 'null',
  renamed_to text,
  claim_at float8 GENERATED ALWAYS AS
    (CASE WHEN lease_id IS NOT NULL THEN lease_until WHEN lane IS NULL THEN due_at END) STORED,
  stale_at float8,
  PRIMARY KEY (account, id),
  CHECK (num_nulls(lease_id, lease_owner, lease_until) IN (0, 3)),
  CHECK (num_nulls(lane, waits_since) IN (0, 2))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX users_claimable ON ${s}.users (account, claim_at, id) WHERE claim_at IS NOT NULL;
CREATE INDEX users_waiting ON ${s}.users (account, lane, waits_since, id)
  WHERE lane IS NOT NULL AND lease_id IS NULL;
CREATE INDEX users_by_state ON ${s}.users (account, state, id) WHERE renamed_to IS NULL;
CREATE INDEX users_stale ON ${s}.users (account, stale_at) INCLUDE (state) WHERE stale_at IS NOT NULL;

CREATE TABLE ${s}.counts (
  account text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  shard integer NOT NULL,
  n bigint NOT NULL,
  PRIMARY KEY (account, key, shard)
) WITH (fillfactor = 50);

CREATE TABLE ${s}.slots (
  account text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  at float8 NOT NULL,
  lane text COLLATE "C" NOT NULL CHECK (lane IN ('interactive', 'recovery', 'bulk')),
  calls bigint NOT NULL,
  PRIMARY KEY (account, name, at, lane)
) WITH (fillfactor = 50);
CREATE TABLE ${s}.logs (
  account text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  window_ms float8 NOT NULL,
  asked_at float8 NOT NULL,
  taken_at float8 NOT NULL,
  moved_ms float8 NOT NULL DEFAULT 0,
  moves json NOT NULL DEFAULT '[]',
  seen json NOT NULL DEFAULT '{}',
  PRIMARY KEY (account, name)
) WITH (fillfactor = 50);
CREATE TYPE ${s}.slot_note AS (kind text, name text, window_ms float8, lane text, at float8);

CREATE TABLE ${s}.account (
  account text COLLATE "C" PRIMARY KEY,
  revision bigint NOT NULL,
  write_id text NOT NULL,
  identity text NOT NULL,
  value json NOT NULL
);

CREATE TABLE ${s}.texts (
  key bytea PRIMARY KEY,
  text bytea NOT NULL,
  until float8
);
CREATE INDEX texts_expiring ON ${s}.texts (until) WHERE until IS NOT NULL;

-- A commit adds its events to arrivals, which locks nothing, and the first read gives numbers to those that it sees: so
-- no number is passed by a transaction that is still open.
CREATE TABLE ${s}.arrivals (
  account text COLLATE "C" NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  key text COLLATE "C" NOT NULL,
  at float8 NOT NULL,
  value json NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX arrivals_in_order ON ${s}.arrivals (account, id);

CREATE TABLE ${s}.events (
  account text COLLATE "C" NOT NULL,
  number bigint NOT NULL,
  key text COLLATE "C" NOT NULL,
  at float8 NOT NULL,
  value json NOT NULL,
  PRIMARY KEY (account, number)
);
CREATE INDEX events_by_key ON ${s}.events (account, key);

CREATE TABLE ${s}.outboxes (
  account text COLLATE "C" PRIMARY KEY,
  last bigint NOT NULL,
  trimmed bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- A transaction of the application only adds a row to joins, which locks nothing that others need, however long it stays
-- open. head is the commit as commit_users reads it.
CREATE TABLE ${s}.joins (
  account text COLLATE "C" NOT NULL,
  n bigint GENERATED ALWAYS AS IDENTITY,
  identity text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  mark text COLLATE "C" NOT NULL,
  head jsonb NOT NULL,
  value json NOT NULL,
  PRIMARY KEY (account, n)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX joins_by_id ON ${s}.joins (account, id);
`;
}

/**
 * The SQL that adds what the tables of earlier versions lack. An `ALTER TABLE` waits for every reader, and all others
 * wait behind it, also where there is nothing to add: so it is looked first.
 *
 * @param s the schema, quoted
 */
export function upgrades(s: string): string {
  return `DO $$ BEGIN
      IF 3 > (SELECT count(*) FROM pg_attribute
        WHERE attrelid = '${s}.logs'::regclass AND attname IN ('moved_ms', 'moves', 'seen'))
      THEN
        ALTER TABLE ${s}.logs ADD COLUMN IF NOT EXISTS moved_ms float8 NOT NULL DEFAULT 0,
          ADD COLUMN IF NOT EXISTS moves json NOT NULL DEFAULT '[]',
          ADD COLUMN IF NOT EXISTS seen json NOT NULL DEFAULT '{}'; -- since 2
      END IF;
    END $$;
    DROP FUNCTION IF EXISTS ${s}.first_seen(float8, float8, float8, json); /* until 4 */`;
}
