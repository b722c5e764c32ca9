/**
 * Where a benchmark's users are stored: a folder for LMDB, or a server of its own.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoreAdapter } from "oneup-lifecycle";
import { postgresIsThere, startPostgres } from "./postgres-server.ts";
import { lmdb, postgres, redis } from "./product.ts";
import { redisIsThere, startRedis } from "./redis-server.ts";

/** The kinds of stores. */
export type Kind = "lmdb" | "redis" | "postgres";

/** A temporary place for a store. */
export interface Place {
  readonly kind: Kind;
  /** The folder, or the URL of the server. */
  readonly address: string;
  leave(): Promise<void>;
}

/** An arbitrary key. */
export const encryption = { keys: ["0f".repeat(32)] };

const needs = {
  lmdb: { isThere: async () => true, what: "nothing" },
  redis: { isThere: redisIsThere, what: "redis-server in PATH, or REDIS_URL" },
  postgres: { isThere: postgresIsThere, what: "initdb and postgres in PATH, or POSTGRES_URL" },
} as const satisfies Readonly<Record<Kind, object>>;

const make: Readonly<Record<Kind, () => Promise<Omit<Place, "kind">>>> = {
  async lmdb() {
    const folder = await mkdtemp(join(tmpdir(), "oneup-bench-"));
    return { address: join(folder, "store"), leave: () => rm(folder, { recursive: true }) };
  },
  async redis() {
    const { url, stop } = await startRedis();
    return { address: url, leave: stop };
  },
  async postgres() {
    const { url, stop } = await startPostgres();
    await postgres(url).migrate();
    return { address: url, leave: stop };
  },
};

/** Runs something in a place of its own; skips it with a message if the server for it is not available. */
export async function inPlace<T>(
  kind: Kind,
  what: string,
  work: (place: Place) => Promise<T[]>,
): Promise<T[]> {
  if (!(await needs[kind].isThere())) {
    console.error(`SKIPPED: ${what} needs ${needs[kind].what}`);
    return [];
  }
  const place = { kind, ...(await make[kind]()) };
  try {
    return await work(place);
  } finally {
    await place.leave();
  }
}

/** The store of a place. */
export function storeIn({ kind, address }: Pick<Place, "kind" | "address">): StoreAdapter {
  switch (kind) {
    case "lmdb":
      return lmdb(address);
    case "redis":
      return redis(address);
    case "postgres":
      return postgres(address);
  }
}
