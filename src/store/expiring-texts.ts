/**
 * Texts with a time to live, for a backend that knows none.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import type { TextStorage } from "./keyv-door.ts";

/** A text and the moment (ms since 1970) from which it is no longer there; `null`: it stays. */
export interface Kept {
  readonly text: string;
  readonly until: number | null;
}

/** A table without a clock. */
export interface KeptTable {
  get(key: string): Kept | undefined;
  /** Resolves when it is durable. */
  put(key: string, kept: Kept): Promise<void>;
  /** Takes out what is there if it passes, in one unit; what it took out. */
  take(key: string, passes: (kept: Kept) => boolean): Promise<Kept | undefined>;
  /** What stands under keys that begin so. It is not disturbed by what is written meanwhile. */
  entries(prefix: string): Iterable<readonly [key: string, kept: Kept]>;
  clear(prefix: string): Promise<void>;
}

/** Texts with a time to live, over a table without one. What has expired is taken out when somebody meets it. */
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
