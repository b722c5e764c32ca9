/**
 * An in-memory store for tests and first steps. Nothing survives the process.
 *
 * @module
 */
import type { Store, StoreAdapter } from "../src/store/contract.ts";
import { expiringTexts, type Kept } from "../src/store/expiring-texts.ts";
import { keyvView, type KeyvBackend, type KeyvView } from "../src/store/keyv-view.ts";
import { memoryTables, type MemoryTables } from "../src/store/table-store/memory-tables.ts";
import { steadyTime } from "../src/store/steady-time.ts";
import { openTableStore } from "../src/store/table-store/table-store.ts";
import type { TableEngine } from "../src/store/table-store/tables.ts";

/**
 * An in-memory store. All lifecycles that are given the same object share its users, so a test can simulate a restart
 * by opening a second one.
 *
 * @example
 * ```ts
 * import { createLifecycle } from "oneup-lifecycle";
 * import { memory } from "oneup-lifecycle/adapters/memory";
 *
 * const lifecycle = await createLifecycle({
 *   credentials: { clientId: "clientidclientid", clientSecret: "clientsecretclientsecret" },
 *   store: memory(),
 * });
 * await lifecycle.close();
 * ```
 */
export function memory(): StoreAdapter & KeyvView {
  const accounts = new Map<string, MemoryTables>();
  const backend = keyvBackend(accounts);
  return {
    name: "memory",
    durable: false,
    timeoutMs: 5_000, // it answers at once, however fast a test lets time pass
    keyv: (options) => keyvView(options, () => backend, accounts.keys()),
    async open({ account, clock, readOnly = false }): Promise<Store> {
      const tables = accounts.get(account) ?? memoryTables();
      accounts.set(account, tables);
      const time = steadyTime(clock);
      const engine: TableEngine = {
        write: async (unit) => unit(tables, { now: time.now(), past: time.past() }),
        read: (unit) => unit(tables, { now: time.now(), past: time.past() }),
        close: async () => {},
      };
      return openTableStore(engine, readOnly);
    },
  };
}

function keyvBackend(accounts: ReadonlyMap<string, MemoryTables>): KeyvBackend {
  const table = new Map<string, Kept>();
  const under = (prefix: string): readonly (readonly [string, Kept])[] =>
    [...table].filter(([key]) => key.startsWith(prefix));
  return {
    users: (account) => ({
      get: async (id) => accounts.get(account)?.rows.get(id),
      async *entries() {
        yield* accounts.get(account)?.entries() ?? [];
      },
    }),
    texts: expiringTexts({
      get: (key) => table.get(key),
      put: async (key, kept) => void table.set(key, kept),
      async take(key, passes) {
        const kept = table.get(key);
        if (kept === undefined || !passes(kept)) return undefined;
        table.delete(key);
        return kept;
      },
      entries: under,
      clear: async (prefix) => under(prefix).forEach(([key]) => table.delete(key)),
    }),
    close: async () => {},
  };
}
