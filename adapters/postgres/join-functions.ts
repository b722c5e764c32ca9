/**
 * In PL/pgSQL: what takes in the users that committed transactions of the application have written.
 *
 * @module
 */
import { settings } from "./functions.ts";

/** Users taken in at once. Each locks two names, and PostgreSQL has room for 64 locks per connection by default. */
export const takenInAtOnce = 24;

/** The SQL that creates the functions. @param s the schema, quoted */
export function joinFunctions(s: string): string {
  return String.raw`
-- Whether a committed transaction has left a user to take in.
CREATE OR REPLACE FUNCTION ${s}.has_joins(_account text) RETURNS boolean LANGUAGE plpgsql ${settings} AS $$
BEGIN
  RETURN EXISTS (SELECT FROM ${s}.joins WHERE account = _account);
END
$$;

-- Whether one of these is among them. It costs the same however many were taken in that a long transaction keeps from
-- being vacuumed.
CREATE OR REPLACE FUNCTION ${s}.has_joins_of(_account text, _ids json) RETURNS boolean LANGUAGE plpgsql ${settings} AS $$
BEGIN
  RETURN EXISTS (SELECT FROM json_array_elements_text(_ids) AS asked (asked_id), LATERAL (
    SELECT FROM ${s}.joins WHERE account = _account AND id = asked_id LIMIT 1
  ) AS found);
END
$$;

-- Takes in the first of these users, and those of these ids; returns how many. Each is written as a new user, over the
-- tombstone under its mark if there is one, unless a user has its id by now. It locks joins before everything else that
-- the verbs lock, and no other verb locks them.
CREATE OR REPLACE FUNCTION ${s}.take_in(_account text, _ids text[]) RETURNS text LANGUAGE plpgsql ${settings} AS $$
DECLARE
  _identity text := (SELECT identity FROM ${s}.account WHERE account = _account);
  _taken bigint[];
  _names json;
  _locks json;
  _heads json;
  _lines text;
BEGIN
  IF _identity IS NULL OR current_setting('transaction_read_only') = 'on' THEN RETURN '0'; END IF;
  SELECT array_agg(n) INTO _taken FROM (
    SELECT n FROM ${s}.joins WHERE account = _account AND n = ANY (ARRAY(
      (SELECT n FROM ${s}.joins WHERE account = _account AND id = ANY (_ids) ORDER BY n LIMIT ${takenInAtOnce})
      UNION ALL (SELECT n FROM ${s}.joins WHERE account = _account ORDER BY n LIMIT ${takenInAtOnce})
      LIMIT ${takenInAtOnce}
    )) ORDER BY n FOR UPDATE
  ) AS locked;
  IF _taken IS NULL THEN RETURN '0'; END IF;
  SELECT json_agg(DISTINCT name) INTO _names FROM ${s}.joins, LATERAL (VALUES (id), (mark)) AS names (name)
  WHERE account = _account AND n = ANY (_taken);
  PERFORM ${s}.lock_names(1, _account, _names); -- so that neither a user nor a tombstone comes in between
  -- What was written before the store was emptied is of another identity.
  SELECT json_agg(head || jsonb_build_object('n', place, 'was', CASE WHEN is_forgotten THEN mark ELSE id END,
      'moves', is_forgotten, 'expected', coalesce(revision, 0)) ORDER BY place),
    string_agg(value::text, E'\n' ORDER BY place),
    json_build_object('comers', json_agg(id), 'users', _names, 'limits', '[]'::json)
  INTO _heads, _lines, _locks FROM (
    SELECT row_number() OVER (ORDER BY first.n) AS place, first.*, revision, left_behind.revision IS NOT NULL AS is_forgotten
    FROM (
      SELECT DISTINCT ON (id) * FROM ${s}.joins
      WHERE account = _account AND n = ANY (_taken) AND identity = _identity ORDER BY id, n
    ) AS first LEFT JOIN LATERAL (
      SELECT revision FROM ${s}.users
      WHERE users.account = _account AND users.id = first.mark AND renamed_to IS NULL LIMIT 1
    ) AS left_behind ON true
  ) AS comers;
  IF _heads IS NOT NULL THEN
    PERFORM ${s}.commit_users(_account, _locks, _heads, _lines, _identity);
  END IF;
  DELETE FROM ${s}.joins WHERE account = _account AND n = ANY (_taken);
  RETURN cardinality(_taken)::text;
END
$$;
`;
}
