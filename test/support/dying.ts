/**
 * A process that dies at a chosen instant: wrappers around a store and a transport that count every write and every
 * call and send this process SIGKILL before or after the one that was named.
 */
import type { Store, StoreAdapter, Transport } from "oneup-lifecycle";

/** An instant: before or after the n-th (from 1) store write or HTTP call. */
export interface Instant {
  readonly of: "write" | "call";
  readonly n: number;
  readonly when: "before" | "after";
}

/** Counts, and dies when its instant has come. */
export class Fate {
  readonly counts: Record<Instant["of"], number> = { write: 0, call: 0 };
  readonly #instant: Instant | null;

  constructor(instant: Instant | null) {
    this.#instant = instant;
  }

  async around<T>(of: Instant["of"], action: () => Promise<T>): Promise<T> {
    const n = ++this.counts[of];
    const here = this.#instant !== null && this.#instant.of === of && this.#instant.n === n;
    if (here && this.#instant?.when === "before") await die();
    const value = await action();
    if (here) await die();
    return value;
  }
}

function die(): Promise<never> {
  process.kill(process.pid, "SIGKILL");
  return new Promise(() => {}); // nothing happens after this, not even in the time the signal takes
}

/** The adapter, whose writes are counted. */
export function dyingStore(adapter: StoreAdapter, fate: Fate): StoreAdapter {
  const write =
    <A extends unknown[], T>(verb: (...args: A) => Promise<T>) =>
    (...args: A): Promise<T> =>
      fate.around("write", () => verb(...args));
  return {
    ...adapter,
    async open(options): Promise<Store> {
      const store = await adapter.open(options);
      return {
        ...store,
        commit: write(store.commit),
        claim: write(store.claim),
        grant: write(store.grant),
        move: write(store.move),
        slots: {
          ...store.slots,
          take: write(store.slots.take),
          settle: write(store.slots.settle),
          giveBack: write(store.slots.giveBack),
        },
        account: { ...store.account, commit: write(store.account.commit) },
      };
    },
  };
}

/** The transport, whose calls are counted. "Before" = the request was never sent; "after" = the answer was read. */
export function dyingTransport(transport: Transport, fate: Fate): Transport {
  return {
    send: (request) => fate.around("call", () => transport.send(request)),
    close: () => transport.close?.() ?? Promise.resolve(),
  };
}
