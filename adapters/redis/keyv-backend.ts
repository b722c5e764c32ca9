/**
 * What the door to Keyv stands on: the rows of users, and texts under keys of their own.
 *
 * @module
 */
import type { KeyvBackend } from "../../src/store/keyv-door.ts";
import type { Connection, Reply } from "./connection.ts";

/** Keys that one step of a scan looks at, at least. */
const scanned = "500";

/**
 * A backend over a connection. All texts share one hash tag, so that on a cluster one server can be asked for all.
 *
 * @param usersOf the key of an account's user `id`, with `""` the beginning of all of them
 */
export function doorBackend(
  connection: Connection,
  prefix: string,
  usersOf: (account: string, id: string) => string,
): KeyvBackend {
  const place = (key: string): string => `${prefix}:{keyv}:${key}`;
  const read = async (key: string): Promise<string | undefined> => {
    const text = await connection.command("read", key, ["GET", key]);
    return typeof text === "string" ? text : undefined;
  };

  /** Keys that begin so, each once. */
  async function* keysFrom(beginning: string): AsyncGenerator<readonly string[], void> {
    const seen = new Set<string>();
    let cursor = "0";
    do {
      const step = ["SCAN", cursor, "MATCH", `${globbed(beginning)}*`, "COUNT", scanned];
      const [next, found] = listOf(await connection.command("read", beginning, step));
      const fresh = listOf(found)
        .map(String)
        .filter((key) => !seen.has(key));
      for (const key of fresh) seen.add(key);
      if (fresh.length > 0) yield fresh;
      cursor = String(next);
    } while (cursor !== "0");
  }

  async function* entriesFrom(beginning: string): AsyncGenerator<readonly [string, string], void> {
    for await (const keys of keysFrom(beginning)) {
      const texts = listOf(await connection.command("read", beginning, ["MGET", ...keys]));
      for (const [n, key] of keys.entries()) {
        const text = texts[n];
        if (typeof text === "string") yield [key.slice(beginning.length), text];
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

/** A text as itself in a pattern. */
function globbed(text: string): string {
  return text.replaceAll(/[\\*?[\]^-]/g, String.raw`\$&`);
}

function listOf(reply: Reply | undefined): readonly Reply[] {
  return typeof reply === "object" && reply !== null ? reply : [];
}
