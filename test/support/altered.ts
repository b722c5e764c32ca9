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

/**
 * The adapter whose stores, with all that is in them, are asked through `call`: it gets the name of the verb, and asks.
 */
export function through(
  adapter: StoreAdapter,
  call: (name: string, ask: () => unknown) => unknown,
): StoreAdapter {
  const asked = <T extends object>(verbs: T): T =>
    new Proxy(verbs, {
      get(target, name) {
        const verb: unknown = Reflect.get(target, name, target);
        if (typeof verb === "object" && verb !== null) return asked(verb);
        if (typeof verb !== "function") return verb;
        return (...given: unknown[]): unknown =>
          call(String(name), () => Reflect.apply(verb, target, given) as unknown);
      },
    });
  return {
    ...adapter,
    open: async (options) => {
      const opened = call("open", () => adapter.open(options)) as ReturnType<StoreAdapter["open"]>; // it returns the answer
      return asked(await opened);
    },
  };
}
