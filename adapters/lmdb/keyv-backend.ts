/**
 * What the doors of Keyv stand on.
 *
 * @module
 */
import type { Database, RootDatabase } from "lmdb";
import { isLifecycleError } from "../../src/errors.ts";
import { expiringTexts } from "../../src/store/expiring-texts.ts";
import type { Kept } from "../../src/store/expiring-texts.ts";
import type { KeyvBackend } from "../../src/store/keyv-door.ts";
import type { Opened } from "./folder.ts";
import { reading, unavailable, write } from "./failures.ts";
import { writing } from "./writing.ts";

/** What the doors of Keyv stand on, over what Keyv stores itself. */
export function keyvBackend({ root, used: kept, close }: Opened<Database<Kept, string>>): KeyvBackend {
  const known = new Map<string, Database<string, string>>();
  async function rowsOf(account: string): Promise<Database<string, string> | undefined> {
    const name = `${account}/users`;
    const opened = known.get(account);
    if (opened !== undefined) return opened;
    const [there] = reading(root, () => Array.from(root.getKeys({ start: name, limit: 1 })));
    if (there !== name) return undefined;
    const existing = { name, encoding: "string", create: false } as const; // not in its types: it must not make one
    const rows = await alone(root, () => root.openDB<string, string>(existing)).catch((cause: unknown) => {
      throw unavailable("read", cause);
    });
    known.set(account, rows);
    return rows;
  }
  return {
    users: (account) => ({
      async get(id) {
        const rows = await rowsOf(account);
        return reading(root, () => rows?.get(id));
      },
      async *entries() {
        const rows = await rowsOf(account);
        if (rows !== undefined) yield* inPages(root, rows, "");
      },
    }),
    texts: expiringTexts({
      get: (key) => reading(root, () => kept.get(key)),
      put: (key, value) => alone(root, () => write(kept.put(key, value))),
      take: (key, passes) =>
        alone(root, () => {
          const found = kept.get(key);
          if (found === undefined || !passes(found)) return undefined;
          write(kept.remove(key));
          return found;
        }),
      entries: (prefix) => inPages(root, kept, prefix),
      clear: (prefix) =>
        alone(root, () => {
          for (const [key] of Array.from(inPages(root, kept, prefix))) write(kept.remove(key));
        }),
    }),
    close,
  };
}

/** Entries under keys that begin so. Between two pages no read transaction of LMDB is held. */
function* inPages<T>(
  root: RootDatabase,
  from: Database<T, string>,
  prefix: string,
): Generator<readonly [string, T], void> {
  let last: string | undefined;
  for (;;) {
    const page = reading(root, () => Array.from(from.getRange({ start: last ?? prefix, limit: 100 })));
    for (const { key, value } of page) {
      if (!key.startsWith(prefix)) return;
      if (key !== last) yield [key, value];
    }
    if (page.length < 100) return;
    last = page.at(-1)?.key;
  }
}

/** Runs `unit` in a transaction of its own, and throws what it throws. */
async function alone<T>(root: RootDatabase, unit: () => T): Promise<T> {
  const run = (): { readonly value: T } | { readonly error: unknown } => {
    try {
      return { value: unit() };
    } catch (error) {
      return { error };
    }
  };
  const ended = await writing(root, run);
  if ("value" in ended) return ended.value;
  throw isLifecycleError(ended.error) ? ended.error : unavailable("write to", ended.error);
}
