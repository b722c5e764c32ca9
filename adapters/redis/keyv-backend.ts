/**
 * Implements the Keyv storage adapter on Redis: reads the rows of users, and keeps texts under their own keys.
 *
 * @module
 */
import type { KeyvBackend } from "../../src/store/keyv-view.ts";
import type { Connection } from "./connection.ts";
import { walkOf } from "./transfer.ts";

/** The COUNT hint of a SCAN step. */
const scanned = 500;

/**
 * The backend of the Keyv storage adapters. All texts share one hash tag, so that on a cluster they are on one server.
 *
 * @param usersOf the key of an account's user `id`; with `""` the common prefix of all users
 */
export function keyvBackend(
  connection: Connection,
  prefix: string,
  usersOf: (account: string, id: string) => string,
): KeyvBackend {
  const place = (key: string): string => `${prefix}:{keyv}:${key}`;
  const read = async (key: string): Promise<string | undefined> => {
    const text = await connection.command("read", key, ["GET", key]);
    return typeof text === "string" ? text : undefined;
  };

  /** Keys that start with `beginning`, each once. */
  async function* keysFrom(beginning: string): AsyncGenerator<readonly string[], void> {
    const { scan } = walkOf(connection, beginning);
    const seen = new Set<string>();
    let cursor = "0";
    do {
      const [next, found] = await scan(cursor, scanned);
      const fresh = found.filter((key) => !seen.has(key));
      for (const key of fresh) seen.add(key);
      if (fresh.length > 0) yield fresh;
      cursor = next;
    } while (cursor !== "0");
  }

  async function* entriesFrom(beginning: string): AsyncGenerator<readonly [string, string], void> {
    for await (const keys of keysFrom(beginning)) {
      const texts = await walkOf(connection, beginning).texts(keys);
      for (const [n, key] of keys.entries()) {
        const text = texts[n] ?? null;
        if (text !== null) yield [key.slice(beginning.length), text];
      }
    }
  }

  return {
    users: (account) => ({
      get: (id) => read(usersOf(account, id)),
      entries: () => entriesFrom(usersOf(account, "")),
    }),
    texts: {
      get: (key) => read(place(key)),
      async set(key, text, ttlMs) {
        const until = ttlMs === undefined ? [] : ["PX", String(ttlMs)];
        await connection.command("write to", place(key), ["SET", place(key), text, ...until]);
      },
      delete: async (key) =>
        Number(await connection.command("write to", place(key), ["DEL", place(key)])) > 0,
      async *entries(beginning) {
        for await (const [rest, text] of entriesFrom(place(beginning))) yield [`${beginning}${rest}`, text];
      },
      async clear(beginning) {
        for await (const keys of keysFrom(place(beginning))) {
          await connection.command("write to", place(beginning), ["UNLINK", ...keys]);
        }
      },
    },
    close: () => connection.close(),
  };
}
