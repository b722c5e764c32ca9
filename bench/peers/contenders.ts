/**
 * The compared programs, and where each keeps its state.
 *
 * @module
 */
import type { Kind } from "../places.ts";
import { loops } from "../settings.ts";

/** A compared program. */
export interface Contender {
  /** Name in tables. */
  readonly name: string;
  /** Name in measurements. */
  readonly key: string;
  /** Its module, with the function `open`. */
  readonly module: string;
  /** The server it needs. */
  readonly kind: Kind;
  /** Concurrent users. */
  readonly underWay: number;
}

const contender = (
  name: string,
  key: string,
  kind: Kind,
  file: string,
  underWay: number = loops,
): Contender => ({
  name,
  key,
  module: new URL(`${file}.mjs`, import.meta.url).href,
  kind,
  underWay,
});

/** The baseline. */
export const bare: Contender = contender("bare undici, nothing durable", "bare", "lmdb", "bare");

/** The cost of three durable writes to each store. */
export const blind: readonly Contender[] = [
  contender("three blind writes to LMDB", "blind.lmdb", "lmdb", "blind"),
  contender("three blind writes to Redis", "blind.redis", "redis", "blind"),
  contender("three blind writes to PostgreSQL", "blind.postgres", "postgres", "blind"),
];

/** The cost of the same writes by the library's store, without its runtime. */
export const byHand: Contender = contender(
  "the library's store by hand, on Redis",
  "hand.redis",
  "redis",
  "by-hand",
);

/** The programs with a store. */
export const durable: readonly Contender[] = [
  contender("oneup-lifecycle on LMDB", "ours.lmdb", "lmdb", "ours"),
  contender("oneup-lifecycle on Redis", "ours.redis", "redis", "ours"),
  contender("oneup-lifecycle on PostgreSQL", "ours.postgres", "postgres", "ours"),
  contender("XState actors + Keyv on Redis", "xstate", "redis", "xstate-keyv"),
  contender("BullMQ step jobs on Redis", "bullmq", "redis", "bullmq"),
  contender("DBOS on PostgreSQL", "dbos", "postgres", "dbos"),
];

/** A queue performs best when it is long. */
export const longQueue: Contender = contender(
  "BullMQ, 512 concurrent users",
  "bullmq.long",
  "redis",
  "bullmq",
  512,
);
