/**
 * Implements the Keyv storage adapter on LMDB.
 *
 * @module
 */
import type { Database, RootDatabase } from "lmdb";
import { isLifecycleError } from "../../src/errors.ts";
import { expiringTexts, type Kept } from "../../src/store/expiring-texts.ts";
import type { KeyvBackend } from "../../src/store/keyv-view.ts";
import type { Share } from "./environments.ts";
import { inVain, reading, unavailable, write } from "./failures.ts";
import type { Opened } from "./folder.ts";
import { limited, writing } from "./writing.ts";

/** The backend of the Keyv storage adapters, including the table for Keyv's own entries. A write has `timeoutMs`. */
export function keyvBackend(opened: Opened<Database<Kept, string>>, timeoutMs: number): KeyvBackend {
  const { root, used: kept, close } = opened;
  const alone = <T>(unit: () => T): Promise<T> => runAlone(opened, timeoutMs, unit);
  const known = new Map<string, Database<string, string>>();
  async function rowsOf(account: string): Promise<Database<string, string> | undefined> {
    const name = `${account}/users`;
    const opened = known.get(account);
    if (opened !== undefined) return opened;
    const [there] = reading(root, () => Array.from(root.getKeys({ start: name, limit: 1 })));
    if (there !== name) return undefined;
    const existing = { name, encoding: "string", create: false } as const; // missing from lmdb's types; `create: false` prevents creating it
    const rows = await alone(() => root.openDB<string, string>(existing)).catch((cause: unknown) => {
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
      put: (key, value) => alone(() => write(kept.put(key, value))),
      take: (key, passes) =>
        alone(() => {
          const found = kept.get(key);
          if (found === undefined || !passes(found)) return undefined;
          write(kept.remove(key));
          return found;
        }),
      entries: (prefix) => inPages(root, kept, prefix),
      clear: (prefix) =>
        alone(() => {
          for (const [key] of Array.from(inPages(root, kept, prefix))) write(kept.remove(key));
        }),
    }),
    close,
  };
}

/** Entries whose keys start with `prefix`. No LMDB read transaction is held between two pages. */
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

/** Runs `unit` in its own transaction and rethrows its error. */
async function runAlone<T>(share: Share, timeoutMs: number, unit: () => T): Promise<T> {
  const ended = await limited("write to", timeoutMs, (wanted) =>
    writing(share, wanted, (): { readonly value: T } | { readonly error: unknown } => {
      try {
        return wanted() ? { value: unit() } : { error: inVain("write to", timeoutMs) };
      } catch (error) {
        return { error };
      }
    }),
  );
  if ("value" in ended) return ended.value;
  throw isLifecycleError(ended.error) ? ended.error : unavailable("write to", ended.error);
}
