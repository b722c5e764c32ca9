/** Where a test keeps its users, in words that a child process can be told. */
import { join } from "node:path";
import { createCluster } from "@keyv/redis";
import { keyFile, type LifecycleOptions, type StoreAdapter } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { redis } from "oneup-lifecycle/adapters/redis";
import { altered } from "./altered.ts";

/** A folder for LMDB and the key; a server, or any node of a Redis Cluster, and a key; a cluster by its own client. */
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
    }
  | { readonly type: "cluster"; readonly urls: readonly string[]; readonly key: string };

/**
 * A busy machine makes a server wait, and a process that was killed holds LMDB's lock for as long as it takes to end it.
 */
export const patientMs = 30_000;

/** The options of a lifecycle that keeps its users there. */
export function at(place: Place): Pick<LifecycleOptions, "store" | "encryption"> {
  switch (place.type) {
    case "lmdb":
      return {
        store: lmdb(join(place.path, "store"), { timeoutMs: patientMs }),
        encryption: keyFile(join(place.path, "key")),
      };
    case "redis":
      return {
        store: redis(place.url, {
          ...(place.prefix !== undefined && { prefix: place.prefix }),
          timeoutMs: place.timeoutMs ?? patientMs,
        }),
        encryption: { keys: [place.key] },
      };
    case "cluster":
      return { store: onCluster(place.urls), encryption: { keys: [place.key] } };
    case "postgres":
      return {
        store: postgres(place.url, {
          ...(place.schema !== undefined && { schema: place.schema }),
          timeoutMs: place.timeoutMs ?? patientMs,
        }),
        encryption: { keys: [place.key] },
      };
  }
}

/** A client of a cluster, as {@link clientOf} makes it. */
export type ClusterClient = ReturnType<typeof clientOf>;

/** A client that is told of some nodes of a cluster, as applications make it. */
export function clientOf(urls: readonly string[]): ReturnType<typeof createCluster> {
  return createCluster({ rootNodes: urls.map((url) => ({ url })) });
}

/** A store on a client that is made for it, and closed with it. */
function onCluster(urls: readonly string[]): StoreAdapter {
  const client = clientOf(urls).on("error", () => {});
  return altered(redis(client), (store) => ({
    async close() {
      await store.close();
      client.destroy();
    },
  }));
}

/** A place in PostgreSQL, with a schema. */
export async function migrated(where: {
  readonly url: string;
  readonly schema: string;
  readonly timeoutMs?: number;
}): Promise<Place> {
  await postgres(where.url, { schema: where.schema, timeoutMs: patientMs }).migrate();
  return { type: "postgres", ...where, key: anyKey };
}

/** A key that is as good as any in a test. */
export const anyKey: string = "ab".repeat(32);
