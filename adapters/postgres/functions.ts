/**
 * The PL/pgSQL functions that all verbs share: time, slot logs and lane shares. `src/store/row-rules.ts`,
 * `lane-scheduler.ts` and `sliding-window.ts` implement the same rules in TypeScript and explain them; the conformance suite verifies both.
 *
 * Every verb is one statement and so one transaction. To avoid deadlocks, all of them acquire their locks in one order:
 * names of new users, users by id, limits, counts. A transaction that holds the lock of a limit skips locked users.
 *
 * Rows of users are looked up one by one by their full key (`LATERAL … LIMIT 1`), or by the position where they were
 * just locked (`ctid`). For a list of ids the planner would filter all rows of the account while the tables are small.
 *
 * @module
 */

import { lostState, unsureState } from "./failures.ts";
import {
  aheadMs,
  keptMoves,
  longestHoldMs,
  mostSeen,
  seenAgainMs,
  seenForMs,
  stepMs,
  takenNoteMs,
} from "../../src/store/slot-log.ts";

/**
 * Settings of the functions. A plan is cached for the life of the connection, so it must be good for any number of
 * users, whatever statistics exist when it is made. Index scans are.
 */
export const settings = `SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
  SET jit = off`;

/** A row in the format that `rowOf` in `rows.ts` reads. */
export const row = `json_build_array(id, revision, write_id, state, due_at, lane, waits_since,
  CASE WHEN lease_id IS NOT NULL THEN json_build_object('id', lease_id, 'owner', lease_owner, 'until', lease_until) END,
  took, renamed_to, value)`;

/** The number of slots per lane. */
const sums = `ARRAY[
      coalesce(sum(calls) FILTER (WHERE lane = 'interactive'), 0),
      coalesce(sum(calls) FILTER (WHERE lane = 'recovery'), 0),
      coalesce(sum(calls) FILTER (WHERE lane = 'bulk'), 0)
    ]::float8[]`;

/** The SQL that creates the functions. @param s the schema, quoted */
export function sharedFunctions(s: string): string {
  return String.raw`
-- The time for all functions. Tests may replace it.
CREATE OR REPLACE FUNCTION ${s}.now_ms() RETURNS float8 LANGUAGE sql VOLATILE AS $$
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8
$$;

CREATE OR REPLACE FUNCTION ${s}.noted(_window float8, _at float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
  SELECT ceil(_at / greatest(1, ceil(_window / 512))) * greatest(1, ceil(_window / 512))
$$;

-- Refuses to go on if the account's record is not the one that the caller opened: the tables were emptied since.
CREATE OR REPLACE FUNCTION ${s}.same_account(_account text, _identity text) RETURNS void
LANGUAGE plpgsql ${settings} AS $$
BEGIN
  IF _identity IS NOT NULL AND NOT EXISTS (
    SELECT FROM ${s}.account WHERE account = _account AND identity = _identity
  ) THEN
    RAISE EXCEPTION 'the account is gone' USING ERRCODE = '${lostState}';
  END IF;
END
$$;

-- Locks names of one kind until the end of the transaction, in a fixed order. Read committed is required: a transaction
-- that waited must see what the others have written, or more slots than the limit would be granted.
CREATE OR REPLACE FUNCTION ${s}.lock_names(_kind integer, _account text, _names json) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'transactions must be read committed' USING ERRCODE = '25001';
  END IF;
  PERFORM pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT hashtextextended(concat(_account, E'\n', name), _kind) AS key
    FROM json_array_elements_text(_names) AS name ORDER BY key OFFSET 0
  ) AS sorted;
END
$$;

-- Which lanes have waiting users, in lane order. Those of paused lanes do not count.
CREATE OR REPLACE FUNCTION ${s}.waiting(_account text, _paused text[]) RETURNS boolean[] LANGUAGE plpgsql AS $$
BEGIN
  RETURN ARRAY[
    ('interactive' = ANY (_paused)) IS NOT TRUE
      AND EXISTS (SELECT FROM ${s}.users WHERE account = _account AND lane = 'interactive' AND lease_id IS NULL),
    ('recovery' = ANY (_paused)) IS NOT TRUE
      AND EXISTS (SELECT FROM ${s}.users WHERE account = _account AND lane = 'recovery' AND lease_id IS NULL),
    ('bulk' = ANY (_paused)) IS NOT TRUE
      AND EXISTS (SELECT FROM ${s}.users WHERE account = _account AND lane = 'bulk' AND lease_id IS NULL)
  ];
END
$$;

-- The lane (1, 2, 3) that gets the next slot; null: no lane may have one.
CREATE OR REPLACE FUNCTION ${s}.turn(
  _calls float8, _reserved float8, _recovery float8, _bulk float8, _used float8[], _asks boolean[]
) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  _taken float8 := _used[1] + _used[2] + _used[3];
  _free float8 := _calls - _taken;
  _rest float8 := _calls - _reserved;
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
      IF (CASE _lane WHEN 1 THEN _free ELSE _rest - _taken END) > _owed_to_all - _owed[_lane] THEN RETURN _lane; END IF;
      IF _owed[_lane] > 0 AND _owing IS NULL THEN _owing := _lane; END IF;
    END IF;
  END LOOP;
  RETURN _owing;
END
$$;

-- Moves the moments after _after of a log by _by: back to _latest, or forward but not beyond it.
CREATE OR REPLACE FUNCTION ${s}.move_moments(
  _account text, _name text, _after float8, _by float8, _latest float8
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  _moved json := (
    SELECT json_agg(json_build_object('at',
      least(at + _by, CASE WHEN _by > 0 THEN greatest(_latest, at) ELSE _latest END), 'lane', lane, 'calls', calls))
    FROM ${s}.slots WHERE account = _account AND name = _name AND at > _after
  );
BEGIN
  IF _moved IS NULL THEN RETURN; END IF;
  DELETE FROM ${s}.slots WHERE account = _account AND name = _name AND at > _after;
  INSERT INTO ${s}.slots (account, name, at, lane, calls)
  SELECT _account, _name, at, lane, sum(calls) FROM json_to_recordset(_moved) AS m (at float8, lane text, calls bigint)
  GROUP BY at, lane ORDER BY at, lane
  ON CONFLICT (account, name, at, lane) DO UPDATE SET calls = slots.calls + excluded.calls;
END
$$;

-- What a process that has not used a log yet would have seen when it began, see firstSeen().
CREATE OR REPLACE FUNCTION ${s}.first_seen(_noticed json, _moved float8, _moves json) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  _since float8 := (_noticed->>'since')::float8;
  _steps float8 := (_noticed->>'ms')::float8;
  _least float8 := coalesce((_noticed->>'leastMs')::float8, 0);
  _sums float8[] := '{0}';
  _certain integer := 1;
  _at float8;
  _each float8;
  _told float8;
BEGIN
  FOR _at, _each IN
    SELECT (made->>0)::float8, (made->>1)::float8
    FROM json_array_elements(_moves) WITH ORDINALITY AS kept (made, n) ORDER BY n DESC
  LOOP
    EXIT WHEN _at <= _since AND _at - _each <= _since;
    _sums := _sums || (_sums[cardinality(_sums)] + _each);
    IF _at > _since AND _certain = cardinality(_sums) - 1 THEN _certain := _certain + 1; END IF;
  END LOOP;
  _sums := _sums[_certain:];
  SELECT noticed INTO _told FROM (VALUES (1, _least), (2, _steps)) AS each (place, noticed)
  WHERE (place = 2 OR noticed < -${stepMs})
    AND EXISTS (SELECT FROM unnest(_sums) AS sum WHERE abs(sum - noticed) <= ${stepMs})
  ORDER BY place LIMIT 1;
  IF _told IS NULL THEN _moved := _moved - (SELECT min(sum) FROM unnest(_sums) AS sum); END IF;
  RETURN ARRAY[coalesce(_told, 0), _moved, _moved, 0, '-Infinity'::float8];
END
$$;

-- Corrects the moments of a log for what the clock was set since it was used, see redated(). _known: what the calling
-- process knows about the server's time.
CREATE OR REPLACE FUNCTION ${s}.redate(_account text, _name text, _now float8, _known json) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  _head record;
  _latest float8;
  _process text := _known->'steps'->>'process';
  _steps float8 := (_known->'steps'->>'ms')::float8;
  _seen float8[]; -- the steps, how far it would have moved the log, how far that was moved, what it took back, when
  _new float8;
  _others float8;
  _accepts boolean;
  _own float8;
  _due float8;
  _forward float8;
BEGIN
  SELECT window_ms, taken_at, moved_ms, moves, seen INTO _head FROM ${s}.logs WHERE account = _account AND name = _name;
  IF NOT FOUND THEN RETURN; END IF;
  _latest := ${s}.noted(_head.window_ms, _now + ${longestHoldMs});
  IF _head.taken_at > _now + ${aheadMs} THEN
    PERFORM ${s}.move_moments(_account, _name, _latest, ${s}.noted(_head.window_ms, _now - _head.taken_at), _latest);
    UPDATE ${s}.logs SET asked_at = least(asked_at, _now), taken_at = _now WHERE account = _account AND name = _name;
  END IF;
  IF _process IS NULL THEN RETURN; END IF;
  _seen := ARRAY(
    SELECT each::float8 FROM json_array_elements_text(_head.seen->_process) WITH ORDINALITY AS kept (each, n) ORDER BY n
  );
  IF cardinality(_seen) < 5 THEN _seen := ${s}.first_seen(_known->'steps', _head.moved_ms, _head.moves); END IF;
  _new := _steps - _seen[1];
  _others := _head.moved_ms - _seen[3];
  IF _new = 0 AND _others = 0 AND _now - _seen[5] < ${seenAgainMs} THEN RETURN; END IF; -- the usual case
  -- Not where it has just been brought back to this time.
  _accepts := _head.taken_at <= _now + ${aheadMs} AND abs(_seen[2] + _new - _head.moved_ms) > ${stepMs} AND EXISTS (
    SELECT FROM json_each(_head.seen) AS kept (process, each)
    WHERE (each->>3)::float8 > 0 AND abs(_others - (each->>3)::float8) <= ${stepMs}
  );
  _own := _new + CASE WHEN _accepts THEN _head.moved_ms ELSE _seen[2] END;
  _due := _own - _head.moved_ms;
  IF abs(_due) > ${stepMs} THEN
    _forward := CASE WHEN _others > ${stepMs} THEN greatest(_new, _due) ELSE _due END; -- it may have been for other steps
    IF _forward > ${stepMs} THEN
      PERFORM ${s}.move_moments(_account, _name, '-Infinity', ${s}.noted(_head.window_ms, _forward), _latest);
      UPDATE ${s}.logs SET asked_at = least(asked_at + _forward, _now), taken_at = CASE WHEN taken_at > 0 THEN _now ELSE 0 END
      WHERE account = _account AND name = _name;
    END IF;
    IF _due < 0 AND _others > ${stepMs} AND NOT _accepts THEN _seen[4] := -_due; END IF;
    UPDATE ${s}.logs SET moved_ms = moved_ms + _due, moves = (
      SELECT json_agg(made ORDER BY n) FROM (
        SELECT made, n FROM json_array_elements(_head.moves) WITH ORDINALITY AS kept (made, n)
        UNION ALL SELECT json_build_array(_now, _due), 1e9
        ORDER BY n DESC LIMIT ${keptMoves}
      ) AS latest
    ) WHERE account = _account AND name = _name;
  END IF;
  UPDATE ${s}.logs SET seen = (
    SELECT json_object_agg(process, each) FROM (
      SELECT process, each FROM (
        SELECT process, each FROM json_each(_head.seen) AS others (process, each)
        WHERE process <> _process AND _now - (each->>4)::float8 < ${seenForMs}
        ORDER BY (each->>4)::float8 DESC LIMIT ${mostSeen - 1}
      ) AS latest
      UNION ALL SELECT _process, json_build_array(_steps, _own, moved_ms, _seen[4], _now)
    ) AS kept
  ) WHERE account = _account AND name = _name;
END
$$;

-- The number of slots that count now, by lane. Also prunes the log, by the widest window that was recently used for it.
-- Refuses if this request was slow or the clock was set: the calling process must look at that first.
CREATE OR REPLACE FUNCTION ${s}.used(_account text, _name text, _window float8, _now float8, _known json) RETURNS float8[]
LANGUAGE plpgsql AS $$
DECLARE
  _head record;
  _widest float8 := _window;
BEGIN
  IF _now - (_known->>'latest')::float8 > (_known->>'slackMs')::float8
    OR (_known->>'earliest')::float8 - _now > ${stepMs}
  THEN
    RAISE EXCEPTION 'the time is unsure: %', _now USING ERRCODE = '${unsureState}';
  END IF;
  INSERT INTO ${s}.logs (account, name, window_ms, asked_at, taken_at)
  SELECT _account, _name, _window, _now, 0
  WHERE NOT EXISTS (SELECT FROM ${s}.logs WHERE account = _account AND name = _name);
  PERFORM ${s}.redate(_account, _name, _now, _known);
  SELECT window_ms, asked_at INTO _head FROM ${s}.logs WHERE account = _account AND name = _name;
  IF _window > _head.window_ms OR _now - _head.asked_at > _head.window_ms
    OR (_window = _head.window_ms AND _now - _head.asked_at > _head.window_ms / 8)
  THEN
    UPDATE ${s}.logs SET window_ms = _window, asked_at = _now WHERE account = _account AND name = _name;
  ELSE
    _widest := _head.window_ms;
  END IF;
  DELETE FROM ${s}.slots WHERE account = _account AND name = _name AND at <= _now - _widest;
  RETURN (SELECT ${sums} FROM ${s}.slots WHERE account = _account AND name = _name AND at > _now - _window);
END
$$;

-- In how many milliseconds the first of the requesting lanes may get a slot; null: never.
CREATE OR REPLACE FUNCTION ${s}.free_in_ms(
  _account text, _name text, _window float8, _calls float8, _reserved float8, _recovery float8, _bulk float8,
  _used float8[], _asks boolean[], _now float8
) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  _left float8[] := _used;
  _moment record;
BEGIN
  IF ${s}.turn(_calls, _reserved, _recovery, _bulk, _left, _asks) IS NOT NULL THEN RETURN 0; END IF;
  FOR _moment IN
    SELECT at, ${sums} AS calls FROM ${s}.slots
    WHERE account = _account AND name = _name AND at > _now - _window GROUP BY at ORDER BY at
  LOOP
    FOR _lane IN 1..3 LOOP
      _left[_lane] := _left[_lane] - _moment.calls[_lane];
    END LOOP;
    IF ${s}.turn(_calls, _reserved, _recovery, _bulk, _left, _asks) IS NOT NULL THEN
      RETURN _moment.at + _window - _now;
    END IF;
  END LOOP;
  RETURN NULL;
END
$$;

-- Null: the lane may have a slot. Otherwise in how many milliseconds to ask again.
CREATE OR REPLACE FUNCTION ${s}.refusal(
  _account text, _name text, _window float8, _calls float8, _reserved float8, _recovery float8, _bulk float8,
  _lane text, _used float8[], _waits boolean[], _now float8
) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  _place integer := array_position('{interactive,recovery,bulk}'::text[], coalesce(_lane, 'interactive'));
  _asks boolean[] := CASE WHEN _lane IS NULL THEN '{f,f,f}' ELSE _waits END;
  _queued boolean := true = ANY (_asks[1:_place]);
BEGIN
  _asks[_place] := true;
  IF NOT _queued AND ${s}.turn(_calls, _reserved, _recovery, _bulk, _used, _asks) = _place THEN RETURN NULL; END IF;
  RETURN coalesce(
    ${s}.free_in_ms(_account, _name, _window, _calls, _reserved, _recovery, _bulk, _used, _asks, _now), _window
  );
END
$$;

-- Records taken, refunded and completed slots in the log, grouped by moment and lane.
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
  UPDATE ${s}.logs SET taken_at = _now
  WHERE account = _account AND name IN (SELECT name FROM unnest(_notes) WHERE kind = 'take')
    AND _now - taken_at > ${takenNoteMs};
  FOR _slots IN
    SELECT name, at, lane, max(window_ms) AS window_ms,
      count(*) FILTER (WHERE kind = 'back') AS backs, count(*) FILTER (WHERE kind = 'settle') AS settles
    FROM unnest(_notes) WHERE kind <> 'take' GROUP BY name, at, lane
  LOOP
    _to := ${s}.noted(_slots.window_ms, _now);
    CONTINUE WHEN _slots.backs = 0 AND _to >= _slots.at;
    SELECT calls INTO _held FROM ${s}.slots
    WHERE account = _account AND name = _slots.name AND at = _slots.at AND lane = _slots.lane;
    CONTINUE WHEN coalesce(_held, 0) = 0;
    _back := least(_slots.backs, _held);
    _moved := CASE WHEN _to < _slots.at AND NOT EXISTS (
      SELECT FROM ${s}.logs WHERE account = _account AND name = _slots.name AND taken_at > _now + ${stepMs}
    ) THEN least(_slots.settles, _held - _back) ELSE 0 END; -- a clock that was set back may have been by mistake
    CONTINUE WHEN _back + _moved = 0;
    UPDATE ${s}.slots SET calls = calls - _back - _moved
    WHERE account = _account AND name = _slots.name AND at = _slots.at AND lane = _slots.lane;
    CONTINUE WHEN _moved = 0;
    INSERT INTO ${s}.slots (account, name, at, lane, calls) VALUES (_account, _slots.name, _to, _slots.lane, _moved)
    ON CONFLICT (account, name, at, lane) DO UPDATE SET calls = slots.calls + excluded.calls;
  END LOOP;
END
$$;

-- Adds to the counters. The counters are sharded by connection, so commits rarely wait for each other.
CREATE OR REPLACE FUNCTION ${s}.count_changes(_account text, _keys text[], _changes integer[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF cardinality(_keys) = 0 THEN RETURN; END IF;
  INSERT INTO ${s}.counts (account, key, shard, n)
  SELECT _account, key, pg_backend_pid() % 16, sum(change) FROM unnest(_keys, _changes) AS changes (key, change)
  GROUP BY key HAVING sum(change) <> 0 ORDER BY key
  ON CONFLICT (account, key, shard) DO UPDATE SET n = counts.n + excluded.n;
  -- The name of an import or a leave is in keys of its own. Once the last user has left one of them, those without users
  -- are removed. Rows whose sum is 0 may go whatever others add meanwhile, and no lock is waited for.
  IF EXISTS (
    SELECT FROM unnest(_keys, _changes) AS changes (key, change)
    WHERE change < 0 AND strpos(key, ' ') > 0
      AND 0 = (SELECT sum(n) FROM ${s}.counts WHERE account = _account AND counts.key = changes.key)
  ) THEN
    WITH held AS (
      SELECT key, shard, n FROM ${s}.counts WHERE account = _account AND key IN (
        SELECT key FROM ${s}.counts WHERE account = _account AND strpos(key, ' ') > 0 GROUP BY key HAVING sum(n) = 0
      ) FOR UPDATE SKIP LOCKED
    )
    DELETE FROM ${s}.counts USING held
    WHERE counts.account = _account AND counts.key = held.key AND counts.shard = held.shard
      AND held.key IN (SELECT key FROM held GROUP BY key HAVING sum(n) = 0);
  END IF;
END
$$;
`;
}
