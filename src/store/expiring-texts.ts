/**
 * Implements TTLs for a backend that has none.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import type { TextStorage } from "./keyv-view.ts";

/** A text and the time (ms since 1970) at which it expires; `null`: never. */
export interface Kept {
  readonly text: string;
  readonly until: number | null;
}

/** A table without TTLs. */
export interface KeptTable {
  get(key: string): Kept | undefined;
  /** Resolves when it is durable. */
  put(key: string, kept: Kept): Promise<void>;
  /** Removes the entry if it passes the test, atomically; resolves with what was removed. */
  take(key: string, passes: (kept: Kept) => boolean): Promise<Kept | undefined>;
  /** The entries whose keys start with `prefix`. Concurrent writes do not disturb the iteration. */
  entries(prefix: string): Iterable<readonly [key: string, kept: Kept]>;
  clear(prefix: string): Promise<void>;
}

/** Texts with TTLs over a table without. Expired entries are removed when they are read. */
export function expiringTexts(table: KeptTable): TextStorage {
  const expired = ({ until }: Kept): boolean => until !== null && until <= systemClock.now();
  return {
    async get(key) {
      const kept = table.get(key);
      if (kept === undefined || !expired(kept)) return kept?.text;
      await table.take(key, expired);
      return undefined;
    },
    set: (key, text, ttlMs) =>
      table.put(key, { text, until: ttlMs === undefined ? null : systemClock.now() + ttlMs }),
    async delete(key) {
      const taken = await table.take(key, () => true);
      return taken !== undefined && !expired(taken);
    },
    async *entries(prefix) {
      for (const [key, kept] of table.entries(prefix)) {
        if (expired(kept)) await table.take(key, expired);
        else yield [key, kept.text];
      }
    },
    clear: (prefix) => table.clear(prefix),
  };
}
