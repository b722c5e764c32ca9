/** Stores with other verbs, for what no store does by itself. */
import type { Store, StoreAdapter } from "oneup-lifecycle";

/** The adapter whose stores have these verbs in place of their own. */
export function altered(adapter: StoreAdapter, verbs: (store: Store) => Partial<Store>): StoreAdapter {
  return {
    ...adapter,
    async open(options) {
      const store = await adapter.open(options);
      return { ...store, ...verbs(store) };
    },
  };
}
