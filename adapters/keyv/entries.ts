/**
 * Reads the entries of the storage beneath a Keyv.
 *
 * @module
 */
import type { Keyv } from "keyv";
import type { Clock } from "../../src/clock.ts";
import { parsedIfJson } from "../../src/store/row-rules.ts";
import { unusable, within } from "./failures.ts";

/**
 * The raw entries of the underlying storage, to be decoded one by one: Keyv's own iterator stops at the first damaged
 * one.
 */
function entriesOf(beneath: Keyv): Iterator<[string, unknown]> | AsyncIterator<[string, unknown]> {
  const store = beneath.store as { iterator?(namespace?: string): AsyncIterator<[string, unknown]> }; // part of Keyv's adapter contract
  if (store instanceof Map) return (store as Map<string, unknown>).entries();
  if (typeof store.iterator === "function") return store.iterator(beneath.namespace);
  throw unusable("its storage adapter must have an iterator, because the index is built by one scan");
}

/** The raw entries whose keys begin with `prefix`, each under the rest of its key. */
export function entriesUnder(
  beneath: Keyv,
  prefix: string,
  clock: Clock,
  timeoutMs: number,
): AsyncIterable<readonly [string, unknown]> {
  const entries = entriesOf(beneath); // throws at once
  const base = fullKey(beneath, prefix);
  return (async function* () {
    for (;;) {
      const step = await within(clock, timeoutMs, Promise.resolve(entries.next()));
      if (step.done === true) return;
      const [key, raw] = step.value;
      if (key.startsWith(base)) yield [key.slice(base.length), raw] as const;
    }
  })();
}

/** The key that the Keyv passes to its storage for `key`. */
export function fullKey({ useKeyPrefix, namespace }: Keyv, key: string): string {
  const prefix = useKeyPrefix && namespace ? `${namespace}:` : "";
  return key.startsWith(prefix) ? key : `${prefix}${key}`;
}

/** The key of an entry as an operator finds it in the storage, as far as the storage shows that. */
export function shownKey(beneath: Keyv, key: string): string {
  const full = fullKey(beneath, key);
  const store = beneath.store as {
    namespace?: string;
    createKeyPrefix?(key: string, namespace?: string): string;
  }; // as @keyv/redis has it
  const { namespace } = store;
  if (typeof store.createKeyPrefix === "function") return `"${store.createKeyPrefix(full, namespace)}"`;
  return store instanceof Map || !namespace
    ? `"${full}"`
    : `"${full}" in the storage's namespace "${namespace}"`;
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

/** Whether an entry disappears by itself. */
export async function expires(beneath: Keyv, raw: unknown): Promise<boolean> {
  const data = typeof raw === "string" ? await beneath.deserializeData<unknown>(raw) : raw;
  return typeof data === "object" && data !== null && "expires" in data && typeof data.expires === "number";
}

/** For how long a storage adapter keeps every entry, as it was set up, in its own unit; 0: for ever, or it does not tell. */
export function lifetimeOf(storage: unknown): number {
  const { ttl, opts } = storage as { readonly ttl?: unknown; readonly opts?: { readonly ttl?: unknown } }; // of any shape
  const given = [ttl, opts?.ttl].find((one) => typeof one === "number" && Number.isFinite(one) && one > 0);
  return Number(given ?? 0);
}

/** The identity in the text of an account's record. */
export function readIdentity(text: string): unknown {
  return (parsedIfJson(text) as { readonly identity?: unknown } | null | undefined)?.identity;
}
