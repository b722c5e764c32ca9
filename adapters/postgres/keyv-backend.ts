/**
 * Implements the Keyv storage adapter on PostgreSQL: reads the rows of users, and keeps texts under their own keys.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { KeyvBackend } from "../../src/store/keyv-view.ts";
import { encodeRow } from "../../src/store/row-rules.ts";
import { calling, type Connection } from "./connection.ts";
import { rowOf, type SentRow } from "./rows.ts";

/** Rows per page of an iteration. */
const step = 500;

/** The backend of the Keyv storage adapters. @param s the schema, quoted */
export function keyvBackend(connection: Connection, s: string): KeyvBackend {
  const verb = calling(s);
  const load = verb("read", true, "load_users($1, $2)");
  const walkUsers = verb("read", true, "walk_users($1, $2, $3)");
  const getText = verb("read", true, "get_text($1)");
  const walkTexts = verb("read", true, "walk_texts($1, $2, $3)");
  const setText = verb("write to", true, "set_text($1, $2, $3)");
  const deleteText = verb("write to", false, "delete_text($1)");
  const clearTexts = verb("write to", true, "clear_texts($1)");

  return {
    users: (account) => ({
      async get(id) {
        const [, rows] = (await connection.ask(load, [account, JSON.stringify([id])])) as Rows;
        return rows?.[0] && textOf(rows[0]);
      },
      async *entries() {
        for (let after: string | undefined = ""; after !== undefined;) {
          const [, rows] = (await connection.ask(walkUsers, [account, after, step])) as Rows;
          for (const row of rows ?? []) yield [row[0], textOf(row)] as const;
          after = rows?.at(-1)?.[0];
        }
      },
    }),
    texts: {
      async get(key) {
        const text = (await connection.ask(getText, [bytes(key)])) as string | null;
        return text === null ? undefined : textIn(text);
      },
      async set(key, text, ttlMs) {
        await connection.ask(setText, [bytes(key), bytes(text), ttlMs ?? null]);
      },
      delete: async (key) => (await connection.ask(deleteText, [bytes(key)])) === true,
      async *entries(prefix) {
        for (let after: string | undefined = ""; after !== undefined;) {
          const found = (await connection.ask(walkTexts, [
            bytes(prefix),
            Buffer.from(after, "hex"),
            step,
          ])) as Texts;
          for (const [key, text] of found ?? []) yield [textIn(key), textIn(text)] as const;
          after = found?.at(-1)?.[0];
        }
      },
      async clear(prefix) {
        await connection.ask(clearTexts, [bytes(prefix)]);
      },
    },
    close: () => connection.close(),
  };
}

/** The result of `load_users` and `walk_users`. */
type Rows = readonly [now: number, rows: readonly SentRow[] | null];

/** The result of `walk_texts`, hex-encoded. */
type Texts = readonly (readonly [key: string, text: string])[] | null;

function textOf(sent: SentRow): string {
  return encodeRow(rowOf(sent));
}

/** As bytes, because PostgreSQL's text type cannot hold `\0`. */
function bytes(text: string): Buffer {
  return Buffer.from(text, "utf8");
}

function textIn(digits: string): string {
  return Buffer.from(digits, "hex").toString("utf8");
}
