/**
 * A store that one can only look into.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import type { StoreAdapter } from "./contract.ts";

/**
 * The same store, to look into while others work on it: it must be there already, and every verb that would write
 * rejects.
 *
 * @throws {LifecycleError} on opening: `STORE_UNUSABLE` if there is nothing to look at
 */
export function lookOnly(adapter: StoreAdapter): StoreAdapter {
  const { name, durable, folder } = adapter;
  return {
    name,
    durable,
    ...(folder !== undefined && { folder }),
    async open(options) {
      const store = await adapter.open({ ...options, looks: true });
      try {
        if ((await store.account.load()) === null) throw nothingThere(name);
      } catch (error) {
        await store.close();
        throw error;
      }
      return {
        load: (id) => store.load(id),
        page: (ask) => store.page(ask),
        counts: () => store.counts(),
        commit: refuse,
        claim: refuse,
        grant: refuse,
        move: refuse,
        slots: {
          forecast: (ask) => store.slots.forecast(ask),
          take: refuse,
          settle: refuse,
          giveBack: refuse,
        },
        account: { load: () => store.account.load(), commit: refuse },
        close: () => store.close(),
      };
    },
  };
}

function refuse(): Promise<never> {
  return Promise.reject(
    new LifecycleError("STORE_UNUSABLE", "Cannot write: this store was opened only to look into it"),
  );
}

function nothingThere(name: string): LifecycleError {
  return new LifecycleError(
    "STORE_UNUSABLE",
    `Cannot look into the ${name} store: it must hold users of this client id, and it holds none`,
  );
}
