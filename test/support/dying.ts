/**
 * Lives that end at a chosen instant: wrappers around a store and a transport that count the writes and calls of each
 * life and stop it before or after the one that was named.
 *
 * One process can hold many lives. Each stands still at its instant, and when the last one does, the process is
 * killed: of each, the store and 1upHealth have seen what they would have seen if the process had died for it alone.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Store, StoreAdapter, Transport } from "oneup-lifecycle";
import { isMovable, type Transfer } from "../../src/store/movable.ts";

/** An instant: before or after the n-th (from 1) store write or HTTP call. */
export interface Instant {
  readonly of: "write" | "call";
  readonly n: number;
  readonly when: "before" | "after";
}

/** Counts, and stands still when its instant has come. */
export class Fate {
  readonly counts: Record<Instant["of"], number> = { write: 0, call: 0 };
  readonly #instant: Instant | null;
  readonly #stop: () => void;
  #stands = false;

  /** `stop` is called when the instant has come. */
  constructor(instant: Instant | null, stop: () => void) {
    this.#instant = instant;
    this.#stop = stop;
  }

  /** Has the instant come? */
  get stands(): boolean {
    return this.#stands;
  }

  async around<T>(of: Instant["of"], action: () => Promise<T>): Promise<T> {
    const n = ++this.counts[of];
    const here = this.#instant !== null && this.#instant.of === of && this.#instant.n === n;
    if (here && this.#instant?.when === "before") await this.#stand();
    const value = await action();
    if (here) await this.#stand();
    return value;
  }

  #stand(): Promise<never> {
    this.#stands = true;
    this.#stop();
    return new Promise(() => {}); // nothing happens after this, not even in the time until the process is gone
  }
}

/** Whose life it is: of everything that begins within `lives.run(fate, …)`. */
export const lives: AsyncLocalStorage<Fate> = new AsyncLocalStorage();

/** Ends this process at once. */
export function die(): void {
  process.kill(process.pid, "SIGKILL");
}

/**
 * The adapter, whose writes are counted. A worker's writes have no life around them: for those `outside` says whose
 * they are, by the user's id, or by `claim` and `grant` where these claim a user.
 */
export function dyingStore(
  adapter: StoreAdapter,
  outside: (what: string) => Fate | undefined = () => undefined,
): StoreAdapter {
  const write =
    <A extends unknown[], T>(verb: (...args: A) => Promise<T>, idOf?: (...args: A) => string) =>
    (...args: A): Promise<T> => {
      const fate = lives.getStore() ?? (idOf && outside(idOf(...args)));
      return fate === undefined ? verb(...args) : fate.around("write", () => verb(...args));
    };
  const takeUp =
    <A, B extends { readonly claimed: readonly unknown[] }>(name: string, verb: (ask: A) => Promise<B>) =>
    async (ask: A): Promise<B> => {
      const batch = await verb(ask);
      const fate = batch.claimed.length === 0 ? undefined : outside(name);
      return fate === undefined ? batch : fate.around("write", async () => batch);
    };
  return {
    ...adapter,
    async open(options): Promise<Store> {
      const store = await adapter.open(options);
      return {
        ...store,
        commit: write(store.commit, ({ id }) => id),
        claim: takeUp("claim", store.claim),
        grant: takeUp("grant", store.grant),
        ...(store.join && { join: write(store.join) }),
        move: write(store.move, ({ from }) => from),
        erase: write(store.erase),
        slots: {
          ...store.slots,
          take: write(store.slots.take),
          settle: write(store.slots.settle),
          giveBack: write(store.slots.giveBack),
        },
        ...(store.events && {
          events: {
            ...store.events,
            trim: write(store.events.trim),
            forget: write(store.events.forget),
            replace: write(store.events.replace),
          },
        }),
        account: { ...store.account, commit: write(store.account.commit) },
        ...(isMovable(store) && { transfer: dyingTransfer(store.transfer, write) }),
      };
    },
  };
}

/** The verbs of a move. */
function dyingTransfer(
  transfer: Transfer,
  write: <A extends unknown[], T>(verb: (...args: A) => Promise<T>) => (...args: A) => Promise<T>,
): Transfer {
  const { complete } = transfer;
  return {
    ...transfer,
    seat: write(transfer.seat),
    writeRows: write(transfer.writeRows),
    writeLog: write(transfer.writeLog),
    writeEvents: write(transfer.writeEvents),
    ...(complete && { complete: write(complete) }),
    clear: write(transfer.clear),
  };
}

/** The transport, whose calls are counted. "Before" = the request was never sent; "after" = the answer was read. */
export function dyingTransport(transport: Transport): Transport {
  return {
    send: (request) =>
      lives.getStore()?.around("call", () => transport.send(request)) ?? transport.send(request),
    close: () => transport.close?.() ?? Promise.resolve(),
  };
}
