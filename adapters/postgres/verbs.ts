/**
 * The verbs in PL/pgSQL, one function each.
 *
 * @module
 */
import { settings } from "./functions.ts";

/** A row as {@link rowOf} in `rows.ts` reads it. */
export const row: string = `json_build_array(id, revision, write_id, state, due_at, lane, waits_since, lease_id, lease_owner,
  lease_until, took, renamed_to, value)`;

/** Makes them. @param s the schema, quoted */
export function verbs(s: string): string {
  const change = `UPDATE ${s}.users SET revision = _ask.expected + 1, write_id = _ask.write_id, state = _ask.state,
        due_at = _now + _ask.due_in, lane = _ask.lane, waits_since = _since, lease_id = _ask.leased_to,
        lease_owner = _ask.lease_owner, lease_until = _now + _ask.lease_ms, took = _took,
        value = _values[_ask.n]::json, renamed_to = NULL
      WHERE account = _account AND id = _ask.id`;
  return String.raw`
-- Rows of these ids, and the time.
CREATE OR REPLACE FUNCTION ${s}.load_users(_account text, _ids json) RETURNS text LANGUAGE plpgsql ${settings} AS $$
BEGIN
  RETURN json_build_array(${s}.now_ms(), (
    SELECT json_agg(${row}) FROM ${s}.users
    WHERE account = _account AND id = ANY (ARRAY(SELECT json_array_elements_text(_ids)))
  ));
END
$$;

-- Commits and moves of different users. What can fail for one of them comes before what is changed.
-- _locks: names of users to come, of users and of limits. _values: a line each.
CREATE OR REPLACE FUNCTION ${s}.commit_users(_account text, _locks json, _heads json, _lines text) RETURNS text
LANGUAGE plpgsql ${settings} AS $$
DECLARE
  _values text[] := string_to_array(_lines, E'\n');
  _answers text[] := array_fill('{"type":"conflict"}'::text, ARRAY[cardinality(_values)]);
  _notes ${s}.slot_note[] := '{}';
  _keys text[] := '{}';
  _changes integer[] := '{}';
  _now float8;
  _ask record;
  _target record;
  _overwrites boolean;
  _limit text;
  _used float8[];
  _waits boolean[];
  _ms float8;
  _at float8;
  _lane text;
  _took json;
  _since float8;
  _waited text;
  _waiting text;
BEGIN
  PERFORM ${s}.lock_names(1, _account, _locks->'comers');
  PERFORM FROM ${s}.users
  WHERE account = _account AND id = ANY (ARRAY(SELECT json_array_elements_text(_locks->'users')))
  ORDER BY id FOR UPDATE;
  PERFORM ${s}.lock_names(2, _account, _locks->'limits');
  _now := ${s}.now_ms(); -- whoever waited for a lock is no earlier than what it waited for

  -- Those that take no slot come first: what they give back is free for the others.
  FOR _ask IN
    SELECT h.*, coalesce(u.there, false) AS there, u.state AS old_state, u.took AS old_took, u.write_id AS old_write_id,
      CASE WHEN h.mode IN ('take', 'keep') THEN h.lease_id END AS leased_to,
      CASE WHEN u.lane = h.lane THEN u.waits_since END AS old_since,
      CASE WHEN u.lease_id IS NULL THEN u.lane END AS waited,
      u.renamed_to IS NULL AND coalesce(u.write_id = h.write_id, false) AS is_again,
      CASE
        WHEN u.there IS NULL THEN h.expected = 0 AND h.mode NOT IN ('keep', 'end')
        WHEN u.renamed_to IS NOT NULL OR u.revision <> h.expected THEN false
        WHEN h.mode IN ('keep', 'end') THEN coalesce(u.lease_id = h.lease_id, false)
        ELSE u.lease_id IS NULL OR u.lease_until <= _now OR (u.lease_id = h.lease_id AND h.mode = 'take')
      END AS may_write
    FROM json_to_recordset(_heads) AS h (
      n integer, id text, was text, moves boolean, expected bigint, write_id text, mode text,
      lease_id text, lease_owner text, lease_ms float8, state text, due_in float8, lane text,
      take_name text, take_window float8, take_calls float8, take_kept float8, take_recovery float8, take_bulk float8,
      take_hold float8, take_lane text,
      settle_name text, settle_window float8, settle_lane text, settle_at float8,
      back_name text, back_window float8, back_lane text, back_at float8
    )
    LEFT JOIN LATERAL (
      SELECT true AS there, revision, write_id, state, lane, waits_since, lease_id, lease_until, took, renamed_to
      FROM ${s}.users WHERE account = _account AND users.id = h.was LIMIT 1
    ) AS u ON true
    ORDER BY h.take_name NULLS FIRST, h.n
  LOOP
    _overwrites := _ask.there;
    IF _ask.moves THEN
      SELECT revision, write_id, took, renamed_to INTO _target FROM ${s}.users
      WHERE account = _account AND id = _ask.id;
      _overwrites := FOUND;
      IF FOUND AND _target.renamed_to IS NULL THEN
        IF _target.write_id = _ask.write_id THEN
          _answers[_ask.n] := json_build_object('type', 'committed', 'revision', _target.revision, 'slot', _target.took);
        END IF;
        CONTINUE;
      END IF;
      -- The name of the old row's own write: acknowledged here, that would be lost with the row.
      CONTINUE WHEN NOT _ask.there OR _ask.is_again;
    ELSIF _ask.is_again THEN
      _answers[_ask.n] := json_build_object('type', 'committed', 'revision', _ask.expected + 1, 'slot', _ask.old_took);
      CONTINUE;
    END IF;
    CONTINUE WHEN NOT _ask.may_write;

    _took := NULL;
    IF _ask.take_name IS NOT NULL THEN
      IF _limit IS DISTINCT FROM _ask.take_name THEN
        PERFORM ${s}.note_slots(_account, _now, _notes);
        _notes := '{}';
        _limit := _ask.take_name;
        _used := ${s}.used(_account, _limit, _ask.take_window, _now);
      END IF;
      _waits := coalesce(_waits, ${s}.waiting(_account));
      _lane := coalesce(_ask.take_lane, 'interactive');
      IF (_ask.take_lane IS NOT NULL AND true = ANY (_waits))
        OR _used[1] + _used[2] + _used[3] >= _ask.take_calls - (CASE WHEN _lane = 'interactive' THEN 0 ELSE _ask.take_kept END)
      THEN
        PERFORM ${s}.note_slots(_account, _now, _notes);
        _notes := '{}';
        _ms := ${s}.refusal(_account, _limit, _ask.take_window, _ask.take_calls, _ask.take_kept, _ask.take_recovery,
          _ask.take_bulk, _ask.take_lane, _used, _waits, _now);
        IF _ms IS NOT NULL THEN
          _answers[_ask.n] := json_build_object('type', 'refused', 'retryInMs', _ms);
          CONTINUE;
        END IF;
      END IF;
      _at := ${s}.noted(_ask.take_window, _now + _ask.take_hold);
      _took := json_build_object('limit', _limit, 'windowMs', _ask.take_window, 'lane', _lane, 'at', _at);
      _notes := _notes || ROW('take', _limit, _ask.take_window, _lane, _at)::${s}.slot_note;
      CASE _lane
        WHEN 'interactive' THEN _used[1] := _used[1] + 1;
        WHEN 'recovery' THEN _used[2] := _used[2] + 1;
        ELSE _used[3] := _used[3] + 1;
      END CASE;
    END IF;

    _since := CASE WHEN _ask.lane IS NOT NULL THEN coalesce(_ask.old_since, _now) END;
    IF _ask.moves THEN
      UPDATE ${s}.users SET revision = 0, write_id = '', state = '', due_at = NULL, lane = NULL, waits_since = NULL,
        lease_id = NULL, lease_owner = NULL, lease_until = NULL, took = NULL, value = 'null', renamed_to = _ask.id
      WHERE account = _account AND id = _ask.was;
    END IF;
    IF _overwrites THEN
      ${change};
    ELSE
      INSERT INTO ${s}.users (account, id, revision, write_id, state, due_at, lane, waits_since,
        lease_id, lease_owner, lease_until, took, value)
      VALUES (_account, _ask.id, _ask.expected + 1, _ask.write_id, _ask.state, _now + _ask.due_in, _ask.lane, _since,
        _ask.leased_to, _ask.lease_owner, _now + _ask.lease_ms, _took, _values[_ask.n]::json);
    END IF;

    IF _ask.old_state IS DISTINCT FROM _ask.state THEN
      IF _ask.there THEN
        _keys := _keys || ('s:' || _ask.old_state);
        _changes := _changes || -1;
      END IF;
      _keys := _keys || ('s:' || _ask.state);
      _changes := _changes || 1;
    END IF;
    _waited := _ask.waited;
    _waiting := CASE WHEN _ask.leased_to IS NULL THEN _ask.lane END;
    IF _waited IS DISTINCT FROM _waiting THEN
      IF _waited IS NOT NULL THEN
        _keys := _keys || ('l:' || _waited);
        _changes := _changes || -1;
      END IF;
      IF _waiting IS NOT NULL THEN
        _keys := _keys || ('l:' || _waiting);
        _changes := _changes || 1;
      END IF;
      _waits := NULL;
    END IF;
    IF _ask.back_name IS NOT NULL THEN
      _notes := _notes || ROW('back', _ask.back_name, _ask.back_window, _ask.back_lane, _ask.back_at)::${s}.slot_note;
    END IF;
    IF _ask.settle_name IS NOT NULL THEN
      _notes := _notes
        || ROW('settle', _ask.settle_name, _ask.settle_window, _ask.settle_lane, _ask.settle_at)::${s}.slot_note;
    END IF;
    _answers[_ask.n] := json_build_object('type', 'committed', 'revision', _ask.expected + 1, 'slot', _took);
  END LOOP;

  PERFORM ${s}.note_slots(_account, _now, _notes);
  PERFORM ${s}.count_changes(_account, _keys, _changes);
  RETURN '[' || array_to_string(_answers, ',') || ']';
END
$$;

-- Answers the time, when to ask again, and the rows.
CREATE OR REPLACE FUNCTION ${s}.claim_users(
  _account text, _limit integer, _lease_id text, _lease_owner text, _lease_ms float8
) RETURNS text LANGUAGE plpgsql ${settings} AS $$
DECLARE
  _now float8 := ${s}.now_ms();
  _rows json;
  _next float8;
  _ids text[] := ARRAY(
    SELECT id FROM ${s}.users WHERE account = _account AND claim_at <= _now ORDER BY claim_at, id LIMIT _limit
    FOR UPDATE SKIP LOCKED
  );
BEGIN
  IF cardinality(_ids) > 0 THEN
    WITH leased AS (
      UPDATE ${s}.users SET lease_id = _lease_id, lease_owner = _lease_owner, lease_until = _now + _lease_ms
      WHERE account = _account AND id = ANY (_ids) RETURNING *
    )
    SELECT json_agg(${row} ORDER BY array_position(_ids, id)) INTO _rows FROM leased;
  END IF;
  SELECT greatest(0, claim_at - _now) INTO _next FROM ${s}.users
  WHERE account = _account AND claim_at IS NOT NULL ORDER BY claim_at, id LIMIT 1;
  RETURN json_build_array(_now, _next, _rows);
END
$$;

-- As claim_users: slot by slot, the lane whose turn it is; its first user. The rows come with their slots.
CREATE OR REPLACE FUNCTION ${s}.grant_users(
  _account text, _name text, _window float8, _calls float8, _kept float8, _recovery float8, _bulk float8,
  _max integer, _hold float8, _lease_id text, _lease_owner text, _lease_ms float8
) RETURNS text LANGUAGE plpgsql ${settings} AS $$
DECLARE
  _lanes text[] := '{interactive,recovery,bulk}';
  _now float8;
  _used float8[];
  _left integer[] := '{0,0,0}';
  _given integer[] := '{0,0,0}';
  _turns integer[] := '{}';
  _ids text[] := '{}';
  _of_lane text[];
  _order text[] := '{}';
  _slots json[] := '{}';
  _at float8;
  _lane integer;
  _rows json;
  _waits boolean[];
  _next float8;
BEGIN
  PERFORM ${s}.lock_names(2, _account, json_build_array(_name));
  _now := ${s}.now_ms();
  _used := ${s}.used(_account, _name, _window, _now);
  FOR _place IN 1..3 LOOP
    _left[_place] := (SELECT count(*) FROM (
      SELECT FROM ${s}.users WHERE account = _account AND lane = _lanes[_place] AND lease_id IS NULL
      ORDER BY waits_since, id LIMIT least(_max, greatest(0, _calls - _used[1] - _used[2] - _used[3]))::bigint
    ) AS first);
  END LOOP;
  WHILE cardinality(_turns) < _max LOOP
    _lane := ${s}.turn(_calls, _kept, _recovery, _bulk, _used, ARRAY[_left[1] > 0, _left[2] > 0, _left[3] > 0]);
    EXIT WHEN _lane IS NULL;
    _turns := _turns || _lane;
    _left[_lane] := _left[_lane] - 1;
    _given[_lane] := _given[_lane] + 1;
    _used[_lane] := _used[_lane] + 1;
  END LOOP;
  _at := ${s}.noted(_window, _now + _hold);
  FOR _place IN 1..3 LOOP
    CONTINUE WHEN _given[_place] = 0;
    _of_lane := ARRAY(
      SELECT id FROM ${s}.users WHERE account = _account AND lane = _lanes[_place] AND lease_id IS NULL
      ORDER BY waits_since, id LIMIT _given[_place] FOR UPDATE SKIP LOCKED
    );
    _ids := _ids || _of_lane;
    _used[_place] := _used[_place] - _given[_place] + cardinality(_of_lane); -- somebody may be being written right now
    _given[_place] := cardinality(_of_lane);
  END LOOP;
  IF cardinality(_ids) > 0 THEN
    _left := ARRAY[0, _given[1], _given[1] + _given[2]]; -- where each lane begins in _ids
    _given := ARRAY[_given[1], _given[1] + _given[2], cardinality(_ids)];
    FOREACH _lane IN ARRAY _turns LOOP
      CONTINUE WHEN _left[_lane] = _given[_lane];
      _left[_lane] := _left[_lane] + 1;
      _order := _order || _ids[_left[_lane]];
      _slots := _slots || json_build_object('limit', _name, 'windowMs', _window, 'lane', _lanes[_lane], 'at', _at);
    END LOOP;
    WITH leased AS (
      UPDATE ${s}.users SET lease_id = _lease_id, lease_owner = _lease_owner, lease_until = _now + _lease_ms
      WHERE account = _account AND id = ANY (_ids) RETURNING *
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
  _waits := ${s}.waiting(_account);
  IF true = ANY (_waits) THEN
    _next := ${s}.free_in_ms(_account, _name, _window, _calls, _kept, _recovery, _bulk, _used, _waits, _now);
  END IF;
  RETURN json_build_array(_now, _next, _rows);
END
$$;

CREATE OR REPLACE FUNCTION ${s}.take_slot(
  _account text, _name text, _window float8, _calls float8, _kept float8, _recovery float8, _bulk float8,
  _hold float8, _lane text
) RETURNS text LANGUAGE plpgsql ${settings} AS $$
DECLARE
  _now float8;
  _ms float8;
  _at float8;
BEGIN
  PERFORM ${s}.lock_names(2, _account, json_build_array(_name));
  _now := ${s}.now_ms();
  _ms := ${s}.refusal(_account, _name, _window, _calls, _kept, _recovery, _bulk, _lane,
    ${s}.used(_account, _name, _window, _now), ${s}.waiting(_account), _now);
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

-- The time, how many wait in each lane, and the log.
CREATE OR REPLACE FUNCTION ${s}.forecast(_account text, _name text) RETURNS text LANGUAGE plpgsql ${settings} AS $$
BEGIN
  RETURN json_build_array(
    ${s}.now_ms(),
    (SELECT json_object_agg(substr(key, 3), n) FROM (
      SELECT key, sum(n) AS n FROM ${s}.counts WHERE account = _account AND key >= 'l:' AND key < 'l;' GROUP BY key
    ) AS lanes),
    (SELECT json_agg(json_build_array(at, lane, calls) ORDER BY at) FROM ${s}.slots
      WHERE account = _account AND name = _name)
  );
END
$$;

CREATE OR REPLACE FUNCTION ${s}.page_users(_account text, _state text, _after text, _limit integer) RETURNS text
LANGUAGE plpgsql ${settings} AS $$
BEGIN
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

CREATE OR REPLACE FUNCTION ${s}.load_account(_account text) RETURNS text LANGUAGE plpgsql ${settings} AS $$
BEGIN
  RETURN (SELECT json_build_object('value', value, 'revision', revision) FROM ${s}.account WHERE account = _account);
END
$$;

CREATE OR REPLACE FUNCTION ${s}.commit_account(_account text, _expected bigint, _write_id text, _value json)
RETURNS text LANGUAGE plpgsql ${settings} AS $$
BEGIN
  UPDATE ${s}.account SET revision = _expected + 1, write_id = _write_id, value = _value
  WHERE account = _account AND revision = _expected AND write_id <> _write_id;
  IF FOUND THEN RETURN 'true'; END IF;
  IF _expected = 0 THEN
    INSERT INTO ${s}.account (account, revision, write_id, value) VALUES (_account, 1, _write_id, _value)
    ON CONFLICT (account) DO NOTHING;
    IF FOUND THEN RETURN 'true'; END IF;
  END IF;
  RETURN EXISTS (SELECT FROM ${s}.account WHERE account = _account AND write_id = _write_id)::text;
END
$$;
`;
}
