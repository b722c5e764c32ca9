/**
 * The remaining verbs in PL/pgSQL, one function each.
 *
 * @module
 */
import { longestLeaseMs } from "../../src/store/row-rules.ts";
import { correctedAtOnce, soonMs } from "../../src/store/server-time.ts";
import { row, settings } from "./functions.ts";

/** The SQL that creates the functions. @param s the schema, quoted */
export function verbs(s: string): string {
  return String.raw`
-- The server's time, and the rows of these ids.
CREATE OR REPLACE FUNCTION ${s}.load_users(_account text, _ids json) RETURNS text LANGUAGE plpgsql ${settings} AS $$
BEGIN
  RETURN json_build_array(${s}.now_ms(), (
    SELECT json_agg(${row}) FROM json_array_elements_text(_ids) AS asked (asked_id), LATERAL (
      SELECT * FROM ${s}.users WHERE account = _account AND id = asked_id LIMIT 1
    ) AS found
  ));
END
$$;

-- Deletes the tombstones under these ids that point to one of the targets.
CREATE OR REPLACE FUNCTION ${s}.erase_users(_account text, _ids text[], _targets text[], _identity text) RETURNS text
LANGUAGE plpgsql ${settings} AS $$
BEGIN
  PERFORM ${s}.same_account(_account, _identity);
  DELETE FROM ${s}.users WHERE account = _account AND id = ANY (_ids) AND renamed_to = ANY (_targets);
  RETURN 'null';
END
$$;

-- Leases due users. Returns the server's time, when to ask again, and the rows.
CREATE OR REPLACE FUNCTION ${s}.claim_users(
  _account text, _limit integer, _lease_id text, _lease_owner text, _lease_ms float8, _identity text
) RETURNS text LANGUAGE plpgsql ${settings} AS $$
DECLARE
  _now float8 := ${s}.now_ms();
  _rows json;
  _next float8;
  _ids text[];
  _places tid[];
BEGIN
  PERFORM ${s}.same_account(_account, _identity);
  SELECT array_agg(id), array_agg(ctid) INTO _ids, _places FROM (
    SELECT id, ctid FROM ${s}.users WHERE account = _account AND claim_at <= _now ORDER BY claim_at, id LIMIT _limit
    FOR UPDATE SKIP LOCKED
  ) AS due;
  IF _ids IS NOT NULL THEN
    WITH leased AS (
      UPDATE ${s}.users SET lease_id = _lease_id, lease_owner = _lease_owner, lease_until = _now + _lease_ms
      WHERE ctid = ANY (_places) RETURNING *
    )
    SELECT json_agg(${row} ORDER BY array_position(_ids, id)) INTO _rows FROM leased;
  END IF;
  SELECT greatest(0, claim_at - _now) INTO _next FROM ${s}.users
  WHERE account = _account AND claim_at IS NOT NULL ORDER BY claim_at, id LIMIT 1;
  RETURN json_build_array(_now, _next, _rows);
END
$$;

-- Corrects rows after the server's clock was set back, see server-time.ts. Returns the server's time and, if there may be
-- more rows, how far it got. A lease that may have been written by the current clock is left to expire.
CREATE OR REPLACE FUNCTION ${s}.put_right(_account text, _start float8, _stop float8, _by float8) RETURNS text
LANGUAGE plpgsql ${settings} AS $$
DECLARE
  _now float8 := ${s}.now_ms();
  _seen bigint;
  _last float8;
BEGIN
  WITH found AS (
    SELECT id, claim_at, lease_id FROM ${s}.users
    WHERE account = _account AND claim_at BETWEEN greatest(_start, _now + ${soonMs}) AND _stop
    ORDER BY claim_at, id LIMIT ${correctedAtOnce} FOR UPDATE SKIP LOCKED
  ), moved AS (
    UPDATE ${s}.users AS u SET due_at = u.due_at + _by, lease_until = u.lease_until + _by FROM found AS f
    WHERE u.account = _account AND u.id = f.id AND (f.lease_id IS NULL OR f.claim_at > _now + ${longestLeaseMs})
  )
  SELECT count(*), max(claim_at) INTO _seen, _last FROM found;
  RETURN json_build_array(_now, CASE WHEN _seen = ${correctedAtOnce} THEN _last END);
END
$$;

-- Like claim_users, but slot by slot: the lane whose turn it is, and its first user. Each row comes with its slot.
CREATE OR REPLACE FUNCTION ${s}.grant_users(
  _account text, _name text, _window float8, _calls float8, _reserved float8, _recovery float8, _bulk float8,
  _max integer, _hold float8, _lease_id text, _lease_owner text, _lease_ms float8, _known json, _identity text,
  _paused text[]
) RETURNS text LANGUAGE plpgsql ${settings} AS $$
DECLARE
  _lanes text[] := '{interactive,recovery,bulk}';
  _now float8;
  _used float8[];
  _left integer[] := '{0,0,0}';
  _given integer[] := '{0,0,0}';
  _turns integer[] := '{}';
  _ids text[] := '{}';
  _places tid[] := '{}';
  _of_lane text[];
  _places_of_lane tid[];
  _order text[] := '{}';
  _slots json[] := '{}';
  _at float8;
  _lane integer;
  _rows json;
  _waits boolean[];
  _next float8;
BEGIN
  PERFORM ${s}.same_account(_account, _identity);
  IF NOT true = ANY (${s}.waiting(_account, _paused)) THEN RETURN json_build_array(${s}.now_ms(), NULL, NULL); END IF;
  PERFORM ${s}.lock_names(2, _account, json_build_array(_name));
  _now := ${s}.now_ms();
  _used := ${s}.used(_account, _name, _window, _now, _known);
  FOR _place IN 1..3 LOOP
    CONTINUE WHEN _lanes[_place] = ANY (_paused);
    _left[_place] := (SELECT count(*) FROM (
      SELECT FROM ${s}.users WHERE account = _account AND lane = _lanes[_place] AND lease_id IS NULL
      ORDER BY waits_since, id LIMIT least(_max, greatest(0, _calls - _used[1] - _used[2] - _used[3]))::bigint
    ) AS first);
  END LOOP;
  WHILE cardinality(_turns) < _max LOOP
    _lane := ${s}.turn(_calls, _reserved, _recovery, _bulk, _used, ARRAY[_left[1] > 0, _left[2] > 0, _left[3] > 0]);
    EXIT WHEN _lane IS NULL;
    _turns := _turns || _lane;
    _left[_lane] := _left[_lane] - 1;
    _given[_lane] := _given[_lane] + 1;
    _used[_lane] := _used[_lane] + 1;
  END LOOP;
  _at := ${s}.noted(_window, _now + _hold);
  FOR _place IN 1..3 LOOP
    CONTINUE WHEN _given[_place] = 0;
    SELECT array_agg(id), array_agg(ctid) INTO _of_lane, _places_of_lane FROM (
      SELECT id, ctid FROM ${s}.users WHERE account = _account AND lane = _lanes[_place] AND lease_id IS NULL
      ORDER BY waits_since, id LIMIT _given[_place] FOR UPDATE SKIP LOCKED
    ) AS first;
    _of_lane := coalesce(_of_lane, '{}');
    _ids := _ids || _of_lane;
    _places := _places || coalesce(_places_of_lane, '{}');
    _used[_place] := _used[_place] - _given[_place] + cardinality(_of_lane); -- another transaction may be writing some of them
    _given[_place] := cardinality(_of_lane);
  END LOOP;
  IF cardinality(_ids) > 0 THEN
    _left := ARRAY[0, _given[1], _given[1] + _given[2]]; -- where each lane starts in _ids
    _given := ARRAY[_given[1], _given[1] + _given[2], cardinality(_ids)];
    FOREACH _lane IN ARRAY _turns LOOP
      CONTINUE WHEN _left[_lane] = _given[_lane];
      _left[_lane] := _left[_lane] + 1;
      _order := _order || _ids[_left[_lane]];
      _slots := _slots || json_build_object('limit', _name, 'windowMs', _window, 'lane', _lanes[_lane], 'at', _at);
    END LOOP;
    WITH leased AS (
      UPDATE ${s}.users SET lease_id = _lease_id, lease_owner = _lease_owner, lease_until = _now + _lease_ms
      WHERE ctid = ANY (_places) RETURNING *
    )
    SELECT json_agg(json_build_array(${row}, _slots[array_position(_order, id)]) ORDER BY array_position(_order, id))
    INTO _rows FROM leased;
    PERFORM ${s}.note_slots(_account, _now, ARRAY(
      SELECT ROW('take', _name, _window, slot->>'lane', _at)::${s}.slot_note FROM unnest(_slots) AS slot
    ));
    PERFORM ${s}.count_changes(
      _account, ARRAY(SELECT 'l:' || (slot->>'lane') FROM unnest(_slots) AS slot),
      array_fill(-1, ARRAY[cardinality(_slots)])
    );
  END IF;
  _waits := ${s}.waiting(_account, _paused);
  IF true = ANY (_waits) THEN
    _next := ${s}.free_in_ms(_account, _name, _window, _calls, _reserved, _recovery, _bulk, _used, _waits, _now);
  END IF;
  RETURN json_build_array(_now, _next, _rows);
END
$$;

CREATE OR REPLACE FUNCTION ${s}.take_slot(
  _account text, _name text, _window float8, _calls float8, _reserved float8, _recovery float8, _bulk float8,
  _hold float8, _lane text, _known json, _identity text, _paused text[]
) RETURNS text LANGUAGE plpgsql ${settings} AS $$
DECLARE
  _now float8;
  _ms float8;
  _at float8;
BEGIN
  PERFORM ${s}.same_account(_account, _identity);
  PERFORM ${s}.lock_names(2, _account, json_build_array(_name));
  _now := ${s}.now_ms();
  _ms := ${s}.refusal(_account, _name, _window, _calls, _reserved, _recovery, _bulk, _lane,
    ${s}.used(_account, _name, _window, _now, _known), ${s}.waiting(_account, _paused), _now);
  IF _ms IS NOT NULL THEN RETURN json_build_object('type', 'refused', 'retryInMs', _ms); END IF;
  _lane := coalesce(_lane, 'interactive');
  _at := ${s}.noted(_window, _now + _hold);
  PERFORM ${s}.note_slots(_account, _now, ARRAY[ROW('take', _name, _window, _lane, _at)::${s}.slot_note]);
  RETURN json_build_object('type', 'taken',
    'slot', json_build_object('limit', _name, 'windowMs', _window, 'lane', _lane, 'at', _at));
END
$$;

-- _kind: back or settle.
CREATE OR REPLACE FUNCTION ${s}.end_slot(
  _account text, _kind text, _name text, _window float8, _lane text, _at float8
) RETURNS text LANGUAGE plpgsql ${settings} AS $$
BEGIN
  PERFORM ${s}.lock_names(2, _account, json_build_array(_name));
  PERFORM ${s}.note_slots(_account, ${s}.now_ms(), ARRAY[ROW(_kind, _name, _window, _lane, _at)::${s}.slot_note]);
  RETURN 'null';
END
$$;

-- The server's time, the number of waiting users per lane, the log with its head, and the time of the first user per lane.
CREATE OR REPLACE FUNCTION ${s}.forecast(_account text, _name text) RETURNS text LANGUAGE plpgsql ${settings} AS $$
BEGIN
  RETURN json_build_array(
    ${s}.now_ms(),
    (SELECT json_object_agg(substr(key, 3), n) FROM (
      SELECT key, sum(n) AS n FROM ${s}.counts WHERE account = _account AND key >= 'l:' AND key < 'l;' GROUP BY key
    ) AS lanes),
    (SELECT json_agg(json_build_array(at, lane, calls) ORDER BY at) FROM ${s}.slots
      WHERE account = _account AND name = _name),
    (SELECT json_build_array(window_ms, asked_at, taken_at, moved_ms, moves, seen) FROM ${s}.logs WHERE account = _account AND name = _name),
    (SELECT json_object_agg(lanes.lane, first.since) FROM unnest(ARRAY['interactive', 'recovery', 'bulk']) AS lanes (lane),
      LATERAL (
        SELECT waits_since AS since FROM ${s}.users AS u
        WHERE u.account = _account AND u.lane = lanes.lane AND u.lease_id IS NULL
        ORDER BY u.waits_since, u.id LIMIT 1
      ) AS first)
  );
END
$$;

-- Two statements, because one would have the same plan for both cases. Without sorting, each reads the index that is in
-- order and stops at the limit; a plan for a small table would otherwise read all ids.
CREATE OR REPLACE FUNCTION ${s}.page_users(_account text, _state text, _after text, _limit integer) RETURNS text
LANGUAGE plpgsql ${settings} SET enable_sort = off AS $$
BEGIN
  IF _state IS NULL THEN
    RETURN (SELECT json_agg(id) FROM (
      SELECT id FROM ${s}.users
      WHERE account = _account AND renamed_to IS NULL AND id > _after ORDER BY id LIMIT _limit
    ) AS page);
  END IF;
  RETURN (SELECT json_agg(id) FROM (
    SELECT id FROM ${s}.users
    WHERE account = _account AND state = _state AND renamed_to IS NULL AND id > _after ORDER BY id LIMIT _limit
  ) AS page);
END
$$;

CREATE OR REPLACE FUNCTION ${s}.count_users(_account text) RETURNS text LANGUAGE plpgsql ${settings} AS $$
BEGIN
  RETURN (SELECT json_object_agg(substr(key, 3), n) FROM (
    SELECT key, sum(n) AS n FROM ${s}.counts WHERE account = _account AND key >= 's:' AND key < 's;'
    GROUP BY key HAVING sum(n) > 0
  ) AS states);
END
$$;

-- For each state the number of records, and of those that are stale now.
CREATE OR REPLACE FUNCTION ${s}.tally_users(_account text) RETURNS text LANGUAGE plpgsql ${settings} AS $$
DECLARE
  _now float8 := ${s}.now_ms();
BEGIN
  RETURN (SELECT json_object_agg(state, json_build_object('all', n, 'stale', coalesce(stale, 0))) FROM (
    SELECT substr(key, 3) AS state, sum(n) AS n FROM ${s}.counts
    WHERE account = _account AND key >= 's:' AND key < 's;' GROUP BY key HAVING sum(n) > 0
  ) AS states LEFT JOIN (
    SELECT state, count(*) AS stale FROM ${s}.users WHERE account = _account AND stale_at <= _now GROUP BY state
  ) AS times USING (state));
END
$$;

CREATE OR REPLACE FUNCTION ${s}.load_account(_account text) RETURNS text LANGUAGE plpgsql ${settings} AS $$
BEGIN
  RETURN (SELECT json_build_object('value', value, 'revision', revision, 'identity', identity) FROM ${s}.account WHERE account = _account);
END
$$;

CREATE OR REPLACE FUNCTION ${s}.commit_account(
  _account text, _expected bigint, _write_id text, _value json, _identity text
) RETURNS text LANGUAGE plpgsql ${settings} AS $$
BEGIN
  PERFORM ${s}.same_account(_account, _identity);
  UPDATE ${s}.account SET revision = _expected + 1, write_id = _write_id, value = _value
  WHERE account = _account AND revision = _expected AND write_id <> _write_id;
  IF FOUND THEN RETURN 'true'; END IF;
  IF _expected = 0 THEN
    INSERT INTO ${s}.account (account, revision, write_id, identity, value)
    VALUES (_account, 1, _write_id, _write_id, _value)
    ON CONFLICT (account) DO NOTHING;
    IF FOUND THEN RETURN 'true'; END IF;
  END IF;
  RETURN EXISTS (SELECT FROM ${s}.account WHERE account = _account AND write_id = _write_id)::text;
END
$$;
`;
}
