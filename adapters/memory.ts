/**
 * A store in this process's memory: for tests and first steps. Nothing survives the process.
 *
 * @module
 */
import type { Store, StoreAdapter } from "../src/store/contract.ts";
import { expiringTexts } from "../src/store/expiring-texts.ts";
import type { Kept } from "../src/store/expiring-texts.ts";
import { keyvDoor } from "../src/store/keyv-door.ts";
import type { KeyvBackend, KeyvDoor } from "../src/store/keyv-door.ts";
import { memoryTables } from "../src/store/memory-tables.ts";
import type { MemoryTables } from "../src/store/memory-tables.ts";
import { tableStore } from "../src/store/tables.ts";
import type { Engine } from "../src/store/tables.ts";

/**
 * A store in memory. Every lifecycle that is given the same object works on the same users,
 * so a test can "restart" by opening a second one.
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
export function memory(): StoreAdapter & KeyvDoor {
  const accounts = new Map<string, MemoryTables>();
  const backend = keyvBackend(accounts);
  return {
    name: "memory",
    durable: false,
    keyv: (options) => keyvDoor(options, () => backend, accounts.keys()),
    async open({ account, clock }): Promise<Store> {
      const tables = accounts.get(account) ?? memoryTables();
      accounts.set(account, tables);
      let latest = 0;
      const now = (): number => (latest = Math.max(latest, clock.now()));
      const engine: Engine = {
        write: async (unit) => unit(tables, now()),
        read: (unit) => unit(tables, now()),
        close: async () => {},
      };
      return tableStore(engine);
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
