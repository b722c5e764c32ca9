/**
 * The outbox in PL/pgSQL. An event's key is kept as JSON, because a text of PostgreSQL holds no NUL.
 *
 * @module
 */
import { settings } from "./functions.ts";

/** Events that one call numbers, or forgets. */
const atOnce = 1_000;

/** The SQL that creates the functions. @param s the schema, quoted */
export function outboxFunctions(s: string): string {
  return String.raw`
-- Gives numbers to visible events without one, in their order, and returns whether all have one now. For each record,
-- an earlier commit has lower ids, and a reader that sees the later one sees it, too: the later one waited for it.
CREATE OR REPLACE FUNCTION ${s}.number_events(_account text) RETURNS boolean LANGUAGE plpgsql ${settings} AS $$
DECLARE
  _last bigint;
  _count bigint;
BEGIN
  IF current_setting('transaction_read_only') = 'on'
    OR NOT EXISTS (SELECT FROM ${s}.arrivals WHERE account = _account)
  THEN
    RETURN true;
  END IF;
  PERFORM ${s}.lock_names(3, _account, '["events"]');
  SELECT last INTO _last FROM ${s}.outboxes WHERE account = _account;
  WITH arrived AS (
    DELETE FROM ${s}.arrivals WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM ${s}.arrivals WHERE account = _account ORDER BY id LIMIT ${atOnce}
    )) RETURNING id, key, at, value
  ), numbered AS (
    INSERT INTO ${s}.events (account, number, key, at, value)
    SELECT _account, coalesce(_last, 0) + row_number() OVER (ORDER BY id), key, at, value FROM arrived
    RETURNING number
  )
  SELECT max(number), count(*) INTO _last, _count FROM numbered;
  IF _count > 0 THEN
    INSERT INTO ${s}.outboxes (account, last) VALUES (_account, _last)
    ON CONFLICT (account) DO UPDATE SET last = excluded.last;
  END IF;
  RETURN _count < ${atOnce};
END
$$;

-- The highest numbers given and trimmed, and events: all as one moment saw them.
CREATE OR REPLACE FUNCTION ${s}.read_events(_account text, _after bigint, _limit integer) RETURNS text
LANGUAGE plpgsql ${settings} AS $$
BEGIN
  PERFORM ${s}.number_events(_account);
  RETURN json_build_array(
    (SELECT json_build_array(last, trimmed) FROM ${s}.outboxes WHERE account = _account),
    (SELECT json_agg(json_build_array(number, key::json, at, value) ORDER BY number) FROM (
      SELECT number, key, at, value FROM ${s}.events
      WHERE account = _account AND number > _after ORDER BY number LIMIT _limit
    ) AS page)
  );
END
$$;

-- Events under a key below a number (NULL: all), descending; null until all have numbers.
CREATE OR REPLACE FUNCTION ${s}.events_under(_account text, _key text, _before bigint, _limit integer) RETURNS text
LANGUAGE plpgsql ${settings} AS $$
BEGIN
  IF NOT ${s}.number_events(_account) THEN RETURN 'null'; END IF;
  RETURN coalesce((
    SELECT json_agg(json_build_array(number, key::json, at, value) ORDER BY number DESC) FROM (
      SELECT number, key, at, value FROM ${s}.events
      WHERE account = _account AND key = _key AND number < coalesce(_before, ${Number.MAX_SAFE_INTEGER})
      ORDER BY number DESC LIMIT _limit
    ) AS page
  )::text, '[]');
END
$$;

-- Returns how many were removed.
CREATE OR REPLACE FUNCTION ${s}.trim_events(_account text, _older_ms float8, _limit integer, _identity text) RETURNS text
LANGUAGE plpgsql ${settings} AS $$
DECLARE
  _now float8 := ${s}.now_ms();
  _old bigint;
  _count bigint;
BEGIN
  PERFORM ${s}.same_account(_account, _identity);
  PERFORM ${s}.number_events(_account);
  PERFORM ${s}.lock_names(3, _account, '["events"]');
  SELECT max(number) INTO _old FROM (
    SELECT number, at FROM ${s}.events WHERE account = _account ORDER BY number LIMIT _limit
  ) AS first WHERE at < _now - _older_ms;
  IF _old IS NULL THEN RETURN '0'; END IF;
  DELETE FROM ${s}.events WHERE account = _account AND number <= _old;
  GET DIAGNOSTICS _count = ROW_COUNT;
  UPDATE ${s}.outboxes SET trimmed = _old WHERE account = _account;
  RETURN _count::text;
END
$$;

-- Returns whether no event of the key is left above the number; before that it appends nothing.
CREATE OR REPLACE FUNCTION ${s}.forget_events(
  _account text, _key text, _above bigint, _events json, _identity text
) RETURNS text LANGUAGE plpgsql ${settings} AS $$
DECLARE
  _count bigint;
BEGIN
  PERFORM ${s}.same_account(_account, _identity);
  IF NOT ${s}.number_events(_account) THEN RETURN 'false'; END IF;
  DELETE FROM ${s}.events WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ${s}.events WHERE account = _account AND key = _key AND number > _above
    ORDER BY number DESC LIMIT ${atOnce} FOR UPDATE
  ));
  GET DIAGNOSTICS _count = ROW_COUNT;
  IF _count = ${atOnce} THEN RETURN 'false'; END IF;
  INSERT INTO ${s}.arrivals (account, key, at, value)
  SELECT _account, event->>0, ${s}.now_ms(), (event->>1)::json FROM json_array_elements(_events) AS event;
  RETURN 'true';
END
$$;

-- Replaces it if it has the value expected; NULL: whichever it has.
CREATE OR REPLACE FUNCTION ${s}.replace_event(
  _account text, _number bigint, _value json, _expected text, _identity text
) RETURNS text LANGUAGE plpgsql ${settings} AS $$
BEGIN
  PERFORM ${s}.same_account(_account, _identity);
  UPDATE ${s}.events SET value = _value
  WHERE account = _account AND number = _number AND (_expected IS NULL OR value::text = _expected);
  RETURN 'null';
END
$$;
`;
}
