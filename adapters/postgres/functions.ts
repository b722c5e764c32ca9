/**
 * What the verbs share, in PL/pgSQL: time, the log of slots and the lanes' shares. `src/store/rules.ts`, `shares.ts` and
 * `window.ts` say the same in TypeScript, with the reasons; the conformance suite holds both to it.
 *
 * Every verb is one statement, so one transaction, and all of them take their locks in one order, so none waits for
 * another that waits for it: names of users to come, users by id, limits, counts. Whoever holds a limit passes by users
 * that are locked.
 *
 * Rows of users are found by their whole key, one by one (`LATERAL … LIMIT 1`), or where they were locked a moment ago
 * (`ctid`): of a list of ids the planner makes a filter over all of an account while the tables are small.
 *
 * @module
 */

/**
 * How the functions run. A plan is kept for as long as the connection lives, so it must be good for any number of
 * users, whatever the server knows about the tables when it is made: through the indexes.
 */
export const settings = `SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
  SET jit = off`;

/** A row as `rowOf` in `rows.ts` reads it. */
export const row: string = `json_build_array(id, revision, write_id, state, due_at, lane, waits_since, lease_id, lease_owner,
  lease_until, took, renamed_to, value)`;

/** Slots by lane. */
const sums = `ARRAY[
      coalesce(sum(calls) FILTER (WHERE lane = 'interactive'), 0),
      coalesce(sum(calls) FILTER (WHERE lane = 'recovery'), 0),
      coalesce(sum(calls) FILTER (WHERE lane = 'bulk'), 0)
    ]::float8[]`;

/** Makes them. @param s the schema, quoted */
export function sharedFunctions(s: string): string {
  return String.raw`
-- The time of everything. A test may put another one in its place.
CREATE OR REPLACE FUNCTION ${s}.now_ms() RETURNS float8 LANGUAGE sql VOLATILE AS $$
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8
$$;

CREATE OR REPLACE FUNCTION ${s}.noted(_window float8, _at float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
  SELECT ceil(_at / greatest(1, ceil(_window / 512))) * greatest(1, ceil(_window / 512))
$$;

-- Locks names of a kind, held until the end of the transaction, in an order of their own.
CREATE OR REPLACE FUNCTION ${s}.lock_names(_kind integer, _account text, _names json) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT hashtextextended(concat(_account, E'\n', name), _kind) AS key
    FROM json_array_elements_text(_names) AS name ORDER BY key OFFSET 0
  ) AS sorted;
END
$$;

-- Which lanes somebody waits in, in their order.
CREATE OR REPLACE FUNCTION ${s}.waiting(_account text) RETURNS boolean[] LANGUAGE plpgsql AS $$
BEGIN
  RETURN ARRAY[
    EXISTS (SELECT FROM ${s}.users WHERE account = _account AND lane = 'interactive' AND lease_id IS NULL),
    EXISTS (SELECT FROM ${s}.users WHERE account = _account AND lane = 'recovery' AND lease_id IS NULL),
    EXISTS (SELECT FROM ${s}.users WHERE account = _account AND lane = 'bulk' AND lease_id IS NULL)
  ];
END
$$;

-- The lane (1, 2, 3) that gets the next place; null: none may have one.
CREATE OR REPLACE FUNCTION ${s}.turn(
  _calls float8, _kept float8, _recovery float8, _bulk float8, _used float8[], _asks boolean[]
) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  _taken float8 := _used[1] + _used[2] + _used[3];
  _free float8 := _calls - _taken;
  _rest float8 := _calls - _kept;
  _left float8 := _rest - _used[2] - _used[3];
  _owed float8[] := ARRAY[
    0, greatest(0, least(_left, _recovery - _used[2])), greatest(0, least(_left, _bulk - _used[3]))
  ];
  _owed_to_all float8 := 0;
  _owing integer;
BEGIN
  IF _free <= 0 THEN RETURN NULL; END IF;
  FOR _lane IN 1..3 LOOP
    IF _asks[_lane] THEN _owed_to_all := _owed_to_all + _owed[_lane]; END IF;
  END LOOP;
  FOR _lane IN 1..3 LOOP
    IF _asks[_lane] AND (_lane = 1 OR _taken < _rest OR _owed[_lane] > 0) THEN
      IF _free > _owed_to_all - _owed[_lane] THEN RETURN _lane; END IF;
      IF _owed[_lane] > 0 AND _owing IS NULL THEN _owing := _lane; END IF;
    END IF;
  END LOOP;
  RETURN _owing;
END
$$;

-- How many slots count now, by lane. What no longer counts is taken out of the log on the way.
CREATE OR REPLACE FUNCTION ${s}.used(_account text, _name text, _window float8, _now float8) RETURNS float8[]
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM ${s}.slots WHERE account = _account AND name = _name AND at <= _now - _window;
  RETURN (SELECT ${sums} FROM ${s}.slots WHERE account = _account AND name = _name);
END
$$;

-- In how many milliseconds the first of the asking lanes may have a place; null: none of them ever may.
CREATE OR REPLACE FUNCTION ${s}.free_in_ms(
  _account text, _name text, _window float8, _calls float8, _kept float8, _recovery float8, _bulk float8,
  _used float8[], _asks boolean[], _now float8
) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  _left float8[] := _used;
  _moment record;
BEGIN
  IF ${s}.turn(_calls, _kept, _recovery, _bulk, _left, _asks) IS NOT NULL THEN RETURN 0; END IF;
  FOR _moment IN
    SELECT at, ${sums} AS calls FROM ${s}.slots WHERE account = _account AND name = _name GROUP BY at ORDER BY at
  LOOP
    FOR _lane IN 1..3 LOOP
      _left[_lane] := _left[_lane] - _moment.calls[_lane];
    END LOOP;
    IF ${s}.turn(_calls, _kept, _recovery, _bulk, _left, _asks) IS NOT NULL THEN
      RETURN _moment.at + _window - _now;
    END IF;
  END LOOP;
  RETURN NULL;
END
$$;

-- Null: the lane may have a place. Otherwise in how many milliseconds to ask again.
CREATE OR REPLACE FUNCTION ${s}.refusal(
  _account text, _name text, _window float8, _calls float8, _kept float8, _recovery float8, _bulk float8,
  _lane text, _used float8[], _waits boolean[], _now float8
) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  _place integer := array_position('{interactive,recovery,bulk}'::text[], coalesce(_lane, 'interactive'));
  _asks boolean[] := CASE WHEN _lane IS NULL THEN '{f,f,f}' ELSE _waits END;
  _queued boolean := true = ANY (_asks[1:_place]);
BEGIN
  _asks[_place] := true;
  IF NOT _queued AND ${s}.turn(_calls, _kept, _recovery, _bulk, _used, _asks) = _place THEN RETURN NULL; END IF;
  RETURN coalesce(
    ${s}.free_in_ms(_account, _name, _window, _calls, _kept, _recovery, _bulk, _used, _asks, _now), _window
  );
END
$$;

-- Writes into the log what was taken, given back and settled; slots of one moment and lane together.
CREATE OR REPLACE FUNCTION ${s}.note_slots(_account text, _now float8, _notes ${s}.slot_note[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  _slots record;
  _held bigint;
  _back bigint;
  _moved bigint;
  _to float8;
BEGIN
  IF cardinality(_notes) = 0 THEN RETURN; END IF;
  INSERT INTO ${s}.slots (account, name, at, lane, calls)
  SELECT _account, name, at, lane, count(*) FROM unnest(_notes) WHERE kind = 'take'
  GROUP BY name, at, lane ORDER BY name, at, lane
  ON CONFLICT (account, name, at, lane) DO UPDATE SET calls = slots.calls + excluded.calls;
  FOR _slots IN
    SELECT name, at, lane, max(window_ms) AS window_ms,
      count(*) FILTER (WHERE kind = 'back') AS backs, count(*) FILTER (WHERE kind = 'settle') AS settles
    FROM unnest(_notes) WHERE kind <> 'take' GROUP BY name, at, lane
  LOOP
    SELECT calls INTO _held FROM ${s}.slots
    WHERE account = _account AND name = _slots.name AND at = _slots.at AND lane = _slots.lane;
    CONTINUE WHEN coalesce(_held, 0) = 0;
    _to := ${s}.noted(_slots.window_ms, _now);
    _back := least(_slots.backs, _held);
    _moved := CASE WHEN _to < _slots.at THEN least(_slots.settles, _held - _back) ELSE 0 END;
    CONTINUE WHEN _back + _moved = 0;
    UPDATE ${s}.slots SET calls = calls - _back - _moved
    WHERE account = _account AND name = _slots.name AND at = _slots.at AND lane = _slots.lane;
    CONTINUE WHEN _moved = 0;
    INSERT INTO ${s}.slots (account, name, at, lane, calls) VALUES (_account, _slots.name, _to, _slots.lane, _moved)
    ON CONFLICT (account, name, at, lane) DO UPDATE SET calls = slots.calls + excluded.calls;
  END LOOP;
END
$$;

-- Adds to counts. Each connection has a shard of its own, mostly: nobody waits for another's commit.
CREATE OR REPLACE FUNCTION ${s}.count_changes(_account text, _keys text[], _changes integer[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF cardinality(_keys) = 0 THEN RETURN; END IF;
  INSERT INTO ${s}.counts (account, key, shard, n)
  SELECT _account, key, pg_backend_pid() % 16, sum(change) FROM unnest(_keys, _changes) AS changes (key, change)
  GROUP BY key HAVING sum(change) <> 0 ORDER BY key
  ON CONFLICT (account, key, shard) DO UPDATE SET n = counts.n + excluded.n;
END
$$;
`;
}
