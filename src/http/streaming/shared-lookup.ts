/**
 * Addresses of names, asked for once at a time.
 *
 * @module
 */
import dns, { type LookupAddress, type LookupOptions } from "node:dns";

export type Found = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** Who waits for a look-up that is under way. */
const underWay = new Map<string, Found[]>();

/**
 * `dns.lookup()`, which callers of the same name share. Node carries out two at a time for the whole process, and one that
 * no name server answers takes many seconds: a look-up for each connection would keep all others waiting, those of the store
 * among them.
 */
export function sharedLookup(name: string, options: LookupOptions, found: Found): void {
  const key = JSON.stringify([name, options]);
  const waiting = underWay.get(key);
  if (waiting !== undefined) return void waiting.push(found);
  const all = [found];
  underWay.set(key, all);
  try {
    dns.lookup(name, options, (error, address, family) => {
      underWay.delete(key);
      for (const each of all) each(error, address, family);
    });
  } catch (error) {
    underWay.delete(key); // of options that Node refuses, or a permission that it lacks
    throw error;
  }
}
