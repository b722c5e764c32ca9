/**
 * Wraps a store for reading only.
 *
 * @module
 */
import { isLifecycleError, storeUnusable } from "../errors.ts";
import type { StoreAdapter } from "./contract.ts";

/**
 * The same store, for reading while other processes work on it. It must exist already, and every verb that writes
 * rejects.
 *
 * @throws {LifecycleError} on opening: `STORE_UNUSABLE` if the store does not exist
 */
export function readOnly(adapter: StoreAdapter): StoreAdapter {
  const { name, durable, folder, timeoutMs } = adapter;
  return {
    name,
    durable,
    ...(folder !== undefined && { folder }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    async open(options) {
      const why = `Cannot write to the ${name} store: it was opened read-only`;
      const refuse = (): Promise<never> => Promise.reject(storeUnusable(why));
      const store = await adapter.open({ ...options, readOnly: true });
      try {
        if ((await store.account.load()) === null)
          throw storeUnusable(
            `Cannot read the ${name} store: it must hold users of this client id, and it holds none`,
          );
      } catch (error) {
        await store.close();
        throw error;
      }
      const { events } = store;
      return {
        load: (id) => store.load(id),
        page: (ask) => store.page(ask),
        counts: () => store.counts(),
        tally: () => store.tally(),
        commit: refuse,
        claim: refuse,
        grant: refuse,
        move: refuse,
        erase: refuse,
        slots: {
          forecast: (ask) => store.slots.forecast(ask),
          take: refuse,
          settle: refuse,
          giveBack: refuse,
        },
        ...(events && {
          events: {
            read: (ask) => events.read(ask),
            under: refuse,
            trim: refuse,
            forget: refuse,
            replace: refuse,
          },
        }),
        account: { load: () => store.account.load(), commit: refuse },
        ...(store.probe && {
          probe: (hasFailed) => store.probe?.(hasFailed).catch(unlessMayOnlyRead) ?? Promise.resolve(),
        }),
        close: () => store.close(),
      };
    },
  };
}

/** A user of the database that may only read cannot find out whether others can write, and need not write itself. */
function unlessMayOnlyRead(error: unknown): void {
  if (!isLifecycleError(error) || error.facts["reason"] !== "noRight") throw error;
}
