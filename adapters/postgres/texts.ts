/**
 * The functions of the Keyv storage adapter.
 *
 * @module
 */
import { row, settings } from "./functions.ts";

/** The SQL that creates the functions. TTLs follow the server's clock. @param s the schema, quoted */
export function textFunctions(s: string): string {
  return String.raw`
CREATE OR REPLACE FUNCTION ${s}.walk_users(_account text, _after text, _limit integer) RETURNS text
LANGUAGE plpgsql ${settings} AS $$
BEGIN
  RETURN json_build_array(${s}.now_ms(), (SELECT json_agg(${row}) FROM (
    SELECT * FROM ${s}.users WHERE account = _account AND id > _after ORDER BY id LIMIT _limit
  ) AS page));
END
$$;

CREATE OR REPLACE FUNCTION ${s}.get_text(_key bytea) RETURNS text LANGUAGE plpgsql ${settings} AS $$
BEGIN
  RETURN (
    SELECT to_json(encode(text, 'hex')) FROM ${s}.texts WHERE key = _key AND (until IS NULL OR until > ${s}.now_ms())
  );
END
$$;

CREATE OR REPLACE FUNCTION ${s}.set_text(_key bytea, _text bytea, _ttl float8) RETURNS text
LANGUAGE plpgsql ${settings} AS $$
BEGIN
  INSERT INTO ${s}.texts (key, text, until) VALUES (_key, _text, ${s}.now_ms() + _ttl)
  ON CONFLICT (key) DO UPDATE SET text = excluded.text, until = excluded.until;
  -- Every write with a TTL also deletes some expired entries; rows locked by others are skipped.
  IF _ttl IS NOT NULL THEN
    DELETE FROM ${s}.texts WHERE key = ANY (ARRAY(
      SELECT key FROM ${s}.texts WHERE until <= ${s}.now_ms() ORDER BY until LIMIT 10 FOR UPDATE SKIP LOCKED
    ));
  END IF;
  RETURN 'true';
END
$$;

CREATE OR REPLACE FUNCTION ${s}.delete_text(_key bytea) RETURNS text LANGUAGE plpgsql ${settings} AS $$
DECLARE
  _until float8;
BEGIN
  DELETE FROM ${s}.texts WHERE key = _key RETURNING coalesce(until, 'infinity') INTO _until;
  RETURN (FOUND AND _until > ${s}.now_ms())::text;
END
$$;

CREATE OR REPLACE FUNCTION ${s}.walk_texts(_prefix bytea, _after bytea, _limit integer) RETURNS text
LANGUAGE plpgsql ${settings} AS $$
BEGIN
  RETURN (SELECT json_agg(json_build_array(encode(key, 'hex'), encode(text, 'hex'))) FROM (
    SELECT key, text FROM ${s}.texts
    WHERE key > _after AND key >= _prefix AND key < _prefix || '\xff'::bytea
      AND (until IS NULL OR until > ${s}.now_ms())
    ORDER BY key LIMIT _limit
  ) AS page);
END
$$;

CREATE OR REPLACE FUNCTION ${s}.clear_texts(_prefix bytea) RETURNS text LANGUAGE plpgsql ${settings} AS $$
BEGIN
  DELETE FROM ${s}.texts WHERE key >= _prefix AND key < _prefix || '\xff'::bytea;
  RETURN 'true';
END
$$;
`;
}
