/**
 * The functions that show whether the store takes writes.
 *
 * @module
 */

/** The SQLSTATE with which `take_space` undoes what it wrote. */
const undone = "OUP02";

/** The length of the row that `take_space` writes: longer than what may be free in the pages of a table. */
const bytes = 65_536;

/** All tables that verbs write to. Each has a column `account`. */
const written = ["users", "counts", "slots", "logs", "account", "arrivals", "events", "outboxes", "joins"];

/**
 * The SQL that creates
 * - `takes_writes`, which writes nothing, and fails whenever a write would fail: the database is read-only, a right is
 *   missing on one of the tables, or transactions are not read committed
 * - `take_space`, which fails while the disk is full. It leaves no row, only space that vacuum frees
 *
 * @param s the schema, quoted
 */
export function probing(s: string): string {
  const writes = written.map((table) => {
    const at = `${s}.${table}`;
    return `
  INSERT INTO ${at} (account) SELECT '' WHERE false;
  UPDATE ${at} SET account = account WHERE false;
  DELETE FROM ${at} WHERE false;`;
  });
  return `
CREATE OR REPLACE FUNCTION ${s}.takes_writes() RETURNS text LANGUAGE plpgsql AS $$
BEGIN${writes.join("")}
  PERFORM ${s}.lock_names(0, '', '[]');
  RETURN 'null';
END
$$;

CREATE OR REPLACE FUNCTION ${s}.take_space() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ${s}.users (account, id, value)
    SELECT '', md5(random()::text), to_json(encode(decode(string_agg(md5(random()::text), ''), 'hex'), 'base64'))
    FROM generate_series(1, ${bytes / 16}); -- random, so that it cannot be compressed
  RAISE EXCEPTION 'undone' USING ERRCODE = '${undone}';
EXCEPTION WHEN SQLSTATE '${undone}' THEN
  RETURN 'null';
END
$$;
`;
}
