/**
 * `commit` and `move` in PL/pgSQL: one function that handles many writes.
 *
 * @module
 */
import { longestLeaseMs } from "../../src/store/row-rules.ts";
import { settings } from "./functions.ts";

/** The SQL that creates the function. @param s the schema, quoted */
export function commitFunction(s: string): string {
  const locked = (how: string): string => `FROM (
      SELECT asked_id FROM json_array_elements_text(_locks->'users') AS asked (asked_id)
      ORDER BY asked_id COLLATE "C" OFFSET 0
    ) AS sorted, LATERAL (
      SELECT id FROM ${s}.users WHERE account = _account AND id = asked_id LIMIT 1 FOR UPDATE${how}
    ) AS locked`;
  const change = `UPDATE ${s}.users SET revision = _ask.next, write_id = _ask.write_id, state = _ask.state,
        due_at = _now + _ask.due_in, stale_at = _now + _ask.stale_in, lane = _ask.lane, waits_since = _since, lease_id = _ask.leased_to,
        lease_owner = _ask.lease_owner, lease_until = _now + _ask.lease_ms, took = _took,
        value = _values[_ask.n]::json, renamed_to = NULL
      WHERE account = _account AND id = _ask.id`;
  return String.raw`
-- Commits and moves of different users. Everything that can fail for a write is checked before that write changes
-- anything.
-- _locks: names of new users, of existing users and of limits; known: what the calling process knows about the server's
-- time; skips: a user whose row another transaction has locked is answered busy, and does not hold up the others.
-- Without it, as earlier releases call it, all wait for that row. _values: one line per write.
CREATE OR REPLACE FUNCTION ${s}.commit_users(_account text, _locks json, _heads json, _lines text, _identity text) RETURNS text
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
  _paused text[];
  _limit text;
  _window float8;
  _used float8[];
  _waits boolean[];
  _ms float8;
  _at float8;
  _lane text;
  _took json;
  _since float8;
  _waited text;
  _waiting text;
  _events json[] := '{}';
  _own text[]; -- the ids of locked rows; NULL: all are
BEGIN
  PERFORM ${s}.same_account(_account, _identity);
  PERFORM ${s}.lock_names(1, _account, _locks->'comers');
  IF _locks->'skips' IS NULL THEN
    PERFORM ${locked("")};
  ELSE
    _own := ARRAY(SELECT locked.id ${locked(" SKIP LOCKED")});
  END IF;
  PERFORM ${s}.lock_names(2, _account, _locks->'limits');
  _now := ${s}.now_ms(); -- read after acquiring the locks, so that time never goes back between two lock holders

  -- Writes that take no slot come first, so that the slots they refund are available to the others.
  FOR _ask IN
    SELECT h.*, coalesce(u.there, false) AS there, u.state AS old_state, u.took AS old_took, u.write_id AS old_write_id, u.revision AS old_revision,
      CASE WHEN h.expected > 0 THEN h.expected + 1 ELSE coalesce(h.first_revision, 1) END AS next,
      CASE WHEN h.mode IN ('take', 'keep') THEN h.lease_id END AS leased_to,
      CASE WHEN u.lane = h.lane THEN u.waits_since END AS old_since,
      CASE WHEN u.lease_id IS NULL THEN u.lane END AS waited,
      u.renamed_to IS NULL AND coalesce(u.write_id = h.write_id, false) AS is_again,
      CASE
        WHEN u.there IS NULL THEN h.expected = 0 AND h.mode NOT IN ('keep', 'end') AND NOT EXISTS (
          SELECT FROM ${s}.users WHERE account = _account AND users.id = h.unless_id AND renamed_to IS NULL)
        WHEN u.renamed_to IS NOT NULL OR u.revision <> h.expected THEN false
        WHEN h.mode IN ('keep', 'end') THEN coalesce(u.lease_id = h.lease_id, false)
        ELSE u.lease_id IS NULL OR u.lease_until <= _now OR u.lease_until > _now + ${longestLeaseMs}
          OR (u.lease_id = h.lease_id AND h.mode = 'take')
      END AS may_write
    FROM json_to_recordset(_heads) AS h (
      n integer, id text, was text, moves boolean, expected bigint, first_revision bigint, write_id text, mode text,
      lease_id text, lease_owner text, lease_ms float8, state text, due_in float8, stale_in float8, lane text,
      unless_id text, events json,
      take_name text, take_window float8, take_calls float8, take_reserved float8, take_recovery float8, take_bulk float8,
      take_hold float8, take_lane text, take_paused text[],
      settle_name text, settle_window float8, settle_lane text, settle_at float8,
      back_name text, back_window float8, back_lane text, back_at float8
    )
    LEFT JOIN LATERAL (
      SELECT true AS there, revision, write_id, state, lane, waits_since, lease_id, lease_until, took, renamed_to
      FROM ${s}.users WHERE account = _account AND users.id = h.was LIMIT 1
    ) AS u ON true
    ORDER BY h.take_name NULLS FIRST, h.n
  LOOP
    IF _ask.there AND NOT _ask.was = ANY (_own) THEN
      _answers[_ask.n] := '{"type":"busy"}';
      CONTINUE;
    END IF;
    _overwrites := _ask.there;
    IF _ask.moves THEN
      SELECT revision, write_id, took, renamed_to INTO _target FROM ${s}.users
      WHERE account = _account AND id = _ask.id;
      _overwrites := FOUND;
      IF FOUND AND NOT _ask.id = ANY (_own) THEN
        _answers[_ask.n] := '{"type":"busy"}';
        CONTINUE;
      END IF;
      IF FOUND AND _target.renamed_to IS NULL THEN
        IF _target.write_id = _ask.write_id THEN
          _answers[_ask.n] := json_build_object('type', 'committed', 'revision', _target.revision, 'slot', _target.took);
        END IF;
        CONTINUE;
      END IF;
      -- The writeId is that of the old row's last write, which is a different write: it must not be acknowledged as
      -- this move.
      CONTINUE WHEN NOT _ask.there OR _ask.is_again;
    ELSIF _ask.is_again THEN
      _answers[_ask.n] := json_build_object('type', 'committed', 'revision', _ask.old_revision, 'slot', _ask.old_took);
      CONTINUE;
    END IF;
    CONTINUE WHEN NOT _ask.may_write;

    _took := NULL;
    IF _ask.take_name IS NOT NULL THEN
      IF _limit IS DISTINCT FROM _ask.take_name OR _window IS DISTINCT FROM _ask.take_window THEN
        PERFORM ${s}.note_slots(_account, _now, _notes);
        _notes := '{}';
        _limit := _ask.take_name;
        _window := _ask.take_window;
        _used := ${s}.used(_account, _limit, _window, _now, _locks->'known');
      END IF;
      IF _waits IS NULL OR _paused IS DISTINCT FROM _ask.take_paused THEN
        _paused := _ask.take_paused;
        _waits := ${s}.waiting(_account, _paused);
      END IF;
      _lane := coalesce(_ask.take_lane, 'interactive');
      IF (_ask.take_lane IS NOT NULL AND true = ANY (_waits))
        OR _used[1] + _used[2] + _used[3] >= _ask.take_calls - (CASE WHEN _lane = 'interactive' THEN 0 ELSE _ask.take_reserved END)
      THEN
        PERFORM ${s}.note_slots(_account, _now, _notes);
        _notes := '{}';
        _ms := ${s}.refusal(_account, _limit, _ask.take_window, _ask.take_calls, _ask.take_reserved, _ask.take_recovery,
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
      UPDATE ${s}.users SET revision = 0, write_id = '', state = '', due_at = NULL, stale_at = NULL, lane = NULL, waits_since = NULL,
        lease_id = NULL, lease_owner = NULL, lease_until = NULL, took = NULL, value = 'null', renamed_to = _ask.id
      WHERE account = _account AND id = _ask.was;
    END IF;
    IF _overwrites THEN
      ${change};
    ELSE
      INSERT INTO ${s}.users (account, id, revision, write_id, state, due_at, stale_at, lane, waits_since,
        lease_id, lease_owner, lease_until, took, value)
      VALUES (_account, _ask.id, _ask.next, _ask.write_id, _ask.state, _now + _ask.due_in, _now + _ask.stale_in, _ask.lane, _since,
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
    IF _ask.events IS NOT NULL THEN _events := _events || _ask.events; END IF;
    _answers[_ask.n] := json_build_object('type', 'committed', 'revision', _ask.next, 'slot', _took);
  END LOOP;

  IF cardinality(_events) > 0 THEN
    INSERT INTO ${s}.arrivals (account, key, at, value)
    SELECT _account, event->>0, _now, (event->>1)::json
    FROM unnest(_events) AS of_commit, json_array_elements(of_commit) AS event;
  END IF;

  PERFORM ${s}.note_slots(_account, _now, _notes);
  PERFORM ${s}.count_changes(_account, _keys, _changes);
  RETURN '[' || array_to_string(_answers, ',') || ']';
END
$$;
`;
}
