/**
 * Who is compared, and where each keeps its state.
 *
 * @module
 */
import type { Kind } from "../places.ts";

/** One of them. */
export interface Contender {
  /** In tables. */
  readonly name: string;
  /** In names of measurements. */
  readonly key: string;
  /** Its module, with the function `open`. */
  readonly module: string;
  /** The server it needs. */
  readonly kind: Kind;
}

const module = (name: string): string => new URL(`${name}.mjs`, import.meta.url).href;

/** The measure of all others. */
export const bare: Contender = {
  name: "bare undici, nothing durable",
  key: "bare",
  module: module("bare"),
  kind: "lmdb",
};

/** Those with a store. */
export const durable: readonly Contender[] = [
  { name: "oneup-lifecycle on LMDB", key: "ours.lmdb", module: module("ours"), kind: "lmdb" },
  { name: "oneup-lifecycle on Redis", key: "ours.redis", module: module("ours"), kind: "redis" },
  { name: "XState actors + Keyv on Redis", key: "xstate", module: module("xstate-keyv"), kind: "redis" },
  { name: "BullMQ step jobs on Redis", key: "bullmq", module: module("bullmq"), kind: "redis" },
  { name: "DBOS on PostgreSQL", key: "dbos", module: module("dbos"), kind: "postgres" },
];
