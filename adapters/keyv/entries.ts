/**
 * Reads the entries of the storage beneath a Keyv.
 *
 * @module
 */
import type { Keyv } from "keyv";
import { unusable } from "./failures.ts";

/**
 * The raw entries of the underlying storage, to be decoded one by one: Keyv's own iterator stops at the first damaged
 * one.
 */
export function entriesOf(beneath: Keyv): Iterator<[string, unknown]> | AsyncIterator<[string, unknown]> {
  const store = beneath.store as { iterator?(namespace?: string): AsyncIterator<[string, unknown]> }; // part of Keyv's adapter contract
  if (store instanceof Map) return (store as Map<string, unknown>).entries();
  if (typeof store.iterator === "function") return store.iterator(beneath.namespace);
  throw unusable("its storage adapter must have an iterator, because the index is built by one scan");
}

/** The key that the Keyv passes to its storage for `key`. */
export function fullKey({ useKeyPrefix, namespace }: Keyv, key: string): string {
  const prefix = useKeyPrefix && namespace ? `${namespace}:` : "";
  return key.startsWith(prefix) ? key : `${prefix}${key}`;
}

/** The text that was passed to the Keyv. */
export async function decoded(beneath: Keyv, raw: unknown): Promise<string> {
  try {
    const data = typeof raw === "string" ? await beneath.deserializeData<unknown>(raw) : raw;
    if (typeof data === "object" && data !== null && "value" in data && typeof data.value === "string") {
      return data.value;
    }
  } catch {
    // Keyv cannot decode it either
  }
  return "damaged"; // fails to parse as a row, a log or an account record
}
