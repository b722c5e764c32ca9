/**
 * Where the keys of a lifecycle are. Keyv 5 and 6 name the same entry differently: Keyv 5 passes its namespace, "keyv" by
 * default, to the storage adapter and puts it before each key as well, unless `useKeyPrefix` is off; `createKeyv()` of
 * @keyv/redis leaves out both. Keyv 6 has no default, and leaves the key as it is. So data is used where it is, and new
 * data is written where each of them looks.
 *
 * @module
 */
import { Keyv, type KeyvOptions, type KeyvStoreAdapter } from "keyv";
import type { Clock } from "../../src/clock.ts";
import { isLifecycleError } from "../../src/errors.ts";
import { isLive } from "../../src/store/table-store/places.ts";
import { decoded, entriesUnder, fullKey, readIdentity, shownKey } from "./entries.ts";
import { onErrorOf, storageTrouble, unavailable, unusable, within } from "./failures.ts";
import { namespacedView } from "./own-namespace.ts";
import { recognised } from "./versions.ts";

/** The application's own storage, and the ways in which a lifecycle may have been written to it. */
export interface Layouts {
  readonly storage: object;
  /** The first is that of new data. */
  readonly own: readonly [Keyv, ...Keyv[]];
  /** Where a Keyv without a namespace of its own writes, if the given one has one. */
  readonly elsewhere: readonly Keyv[];
}

/** @throws {LifecycleError} `INVALID_OPTION` if it cannot be used */
export function layoutsOf(store: unknown): Layouts {
  const { keyv, storage, namespace, encoding } = recognised(store);
  const layout = (name: string | undefined, useKeyPrefix: boolean): Keyv => {
    const { view, made } = namespacedView(storage);
    const options = { ...encoding, store: view, namespace: name, useKeyPrefix, throwOnErrors: true };
    const built = new Keyv(options as KeyvOptions); // an undefined option turns off what it would be by default
    made();
    return built;
  };
  // The iterator of a storage whose keys have no namespace may find only keys that begin with it, so none comes first.
  const unnamed = (): [Keyv, ...Keyv[]] => [
    layout("keyv", true),
    layout(undefined, false),
    layout("keyv", false),
  ];
  if (namespace === undefined || namespace === "" || namespace === "keyv")
    return { storage, own: startingWith(keyv, unnamed()), elsewhere: [] };
  const named: [Keyv, ...Keyv[]] = [layout(namespace, true), layout(namespace, false)];
  return { storage, own: startingWith(keyv, named), elsewhere: unnamed() };
}

function startingWith(given: Keyv | undefined, layouts: [Keyv, ...Keyv[]]): [Keyv, ...Keyv[]] {
  if (given === undefined) return layouts;
  const place = (keyv: Keyv): string =>
    JSON.stringify([(keyv.store as KeyvStoreAdapter).namespace, fullKey(keyv, "")]);
  return [given, ...layouts.filter((keyv) => place(keyv) !== place(given))];
}

/**
 * The layout that holds the account, or the first if none does.
 *
 * @throws {LifecycleError} `STORE_UNUSABLE` if it is unclear which one is meant, `STORE_UNAVAILABLE`
 */
export async function layoutInUse(
  { own, elsewhere }: Layouts,
  prefix: string,
  clock: Clock,
  timeoutMs: number,
): Promise<Keyv> {
  const [first] = own;
  let emitted: unknown;
  const off = onErrorOf([first], (error) => (emitted = error));

  /** Those of the layouts that hold an entry of their own under this key. */
  async function holding(layouts: readonly Keyv[], key: string): Promise<readonly Keyv[]> {
    const found = new Map<string, Keyv>();
    for (const keyv of layouts) {
      const storage = keyv.store as KeyvStoreAdapter; // part of Keyv's adapter contract
      const full = fullKey(keyv, prefix + key);
      const raw = await within(clock, timeoutMs, Promise.resolve(storage.get(full)));
      if (emitted !== undefined) throw storageTrouble(emitted);
      if (raw === undefined || raw === null) continue;
      const text = await decoded(keyv, raw);
      const entry = JSON.stringify([full, readIdentity(text) ?? text]); // a storage that ignores its namespace has one in two layouts
      if (!found.has(entry)) found.set(entry, keyv);
    }
    return [...found.values()];
  }

  async function shown(keyv: Keyv): Promise<string> {
    let users = 0;
    for await (const [, raw] of entriesUnder(keyv, `${prefix}users:`, clock, timeoutMs))
      if (isLive(await decoded(keyv, raw))) users++;
    return `${shownKey(keyv, `${prefix}account`)} with ${users} ${users === 1 ? "user" : "users"}`;
  }

  async function allShown(layouts: readonly Keyv[]): Promise<string> {
    const texts: string[] = [];
    for (const keyv of layouts) texts.push(await shown(keyv));
    return texts.join(", and at ");
  }

  try {
    const accounts = await holding(own, "account");
    const [account] = accounts;
    if (account !== undefined && accounts.length === 1) return account;
    if (account !== undefined)
      throw unusable(
        `it holds this account more than once, at ${await allShown(accounts)}: stop every process, and delete the ` +
          "account that is not in use, with all keys that begin as its key does",
      );
    const others = await holding(elsewhere, "account");
    if (others.length > 0)
      throw unusable(
        `its namespace "${String(first.namespace)}" does not hold this account, which is at ${await allShown(others)}: ` +
          "pass a Keyv without a namespace of its own, or move these keys",
      );
    const [begun = first] = await holding(own, "Probe"); // the mark of an opening that got no further
    return begun;
  } catch (cause) {
    throw isLifecycleError(cause) ? cause : unavailable("read", cause);
  } finally {
    off();
  }
}
