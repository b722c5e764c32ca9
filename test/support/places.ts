/** Where a test keeps its users, in words that a child process can be told. */
import { join } from "node:path";
import { keyFile } from "oneup-lifecycle";
import type { LifecycleOptions } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { redis } from "oneup-lifecycle/adapters/redis";

/** A folder for LMDB and the key, or a server and a key. */
export type Place =
  | { readonly type: "lmdb"; readonly path: string }
  | {
      readonly type: "redis";
      readonly url: string;
      readonly prefix?: string;
      readonly key: string;
      readonly timeoutMs?: number;
    }
  | {
      readonly type: "postgres";
      readonly url: string;
      /** Made by `migrate()`. */
      readonly schema?: string;
      readonly key: string;
      readonly timeoutMs?: number;
    };

/** The options of a lifecycle that keeps its users there. */
export function at(place: Place): Pick<LifecycleOptions, "store" | "encryption"> {
  switch (place.type) {
    case "lmdb":
      return { store: lmdb(join(place.path, "store")), encryption: keyFile(join(place.path, "key")) };
    case "redis":
      return {
        store: redis(place.url, {
          ...(place.prefix !== undefined && { prefix: place.prefix }),
          ...(place.timeoutMs !== undefined && { timeoutMs: place.timeoutMs }),
        }),
        encryption: { keys: [place.key] },
      };
    case "postgres":
      return {
        store: postgres(place.url, {
          ...(place.schema !== undefined && { schema: place.schema }),
          ...(place.timeoutMs !== undefined && { timeoutMs: place.timeoutMs }),
        }),
        encryption: { keys: [place.key] },
      };
  }
}

/** A place in PostgreSQL, with a schema. */
export async function migrated(where: { readonly url: string; readonly schema: string }): Promise<Place> {
  await postgres(where.url, { schema: where.schema }).migrate();
  return { type: "postgres", ...where, key: anyKey };
}

/** A key that is as good as any in a test. */
export const anyKey: string = "ab".repeat(32);
