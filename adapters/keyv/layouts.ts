/**
 * Where the keys of a lifecycle are. Keyv 5 and 6 name the same entry differently: Keyv 5 passes its namespace, "keyv" by
 * default, to the storage adapter and puts it before each key as well, unless `useKeyPrefix` is off. Keyv 6 has no
 * default, and leaves the key as it is. So data is used where it is, and new data is written where both find it.
 *
 * @module
 */
import { Keyv, type KeyvOptions, type KeyvStoreAdapter } from "keyv";
import type { Clock } from "../../src/clock.ts";
import { isLifecycleError } from "../../src/errors.ts";
import { fullKey } from "./entries.ts";
import { onErrorOf, storageTrouble, unavailable, unusable, within } from "./failures.ts";
import { namespacedView } from "./own-namespace.ts";
import { recognised, type Encoding } from "./versions.ts";

/** The application's own storage, and the ways in which a lifecycle may have been written to it. */
export interface Layouts {
  readonly storage: object;
  /** The first is that of new data. */
  readonly own: readonly [Keyv, ...Keyv[]];
  /** Where data of the same account would be in another namespace that was not given. */
  readonly elsewhere?: Keyv;
}

/** @throws {LifecycleError} `INVALID_OPTION` if it cannot be used */
export function layoutsOf(store: unknown): Layouts {
  const given = recognised(store);
  if (given.version === 5) {
    const { keyv } = given;
    const storage = keyv.store as KeyvStoreAdapter; // part of Keyv's adapter contract
    if (fullKey(keyv, "") !== "") return { storage, own: [keyv] };
    const { serialize, deserialize, compression } = keyv;
    const encoding = { serialize, deserialize, compression };
    return { storage, own: [keyv, over(storage, keyv.namespace ?? "keyv", true, encoding)] };
  }
  const { storage, namespace, encoding } = given;
  return {
    storage,
    own: [over(storage, namespace ?? "keyv", true, encoding), over(storage, namespace, false, encoding)],
    ...(given.version === 6 &&
      namespace !== undefined &&
      namespace !== "keyv" && { elsewhere: over(storage, "keyv", true, encoding) }),
  };
}

function over(
  storage: KeyvStoreAdapter,
  namespace: string | undefined,
  useKeyPrefix: boolean,
  encoding: Encoding,
): Keyv {
  const { view, made } = namespacedView(storage);
  const options = { ...encoding, store: view, namespace, useKeyPrefix, throwOnErrors: true };
  const keyv = new Keyv(options as KeyvOptions); // an undefined option turns off what it would be by default
  made();
  return keyv;
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
  if (own.length === 1) return first;
  let emitted: unknown;
  const off = onErrorOf([first], (error) => (emitted = error));
  try {
    const isThere = async (keyv: Keyv, key: string): Promise<boolean> => {
      const storage = keyv.store as KeyvStoreAdapter; // part of Keyv's adapter contract
      const raw = await within(clock, timeoutMs, Promise.resolve(storage.get(fullKey(keyv, prefix + key))));
      if (emitted !== undefined) throw storageTrouble(emitted);
      return raw !== undefined && raw !== null;
    };
    // An account's record is there once a lifecycle was opened, the mark of the opening before that.
    for (const key of ["account", "Probe"]) {
      const held: Keyv[] = [];
      for (const keyv of own) if (await isThere(keyv, key)) held.push(keyv);
      const [only, other] = held;
      if (other !== undefined && key === "account")
        throw unusable(
          "it holds this account twice, with and without the namespace as a prefix of each key: delete the one that is not in use",
        );
      if (only !== undefined) return only;
    }
    if (elsewhere !== undefined && (await isThere(elsewhere, "account")))
      throw unusable(
        'its namespace does not hold this account, but namespace "keyv" does, which Keyv 5 uses by default: pass a Keyv ' +
          "with that namespace",
      );
    return first;
  } catch (cause) {
    throw isLifecycleError(cause) ? cause : unavailable("read", cause);
  } finally {
    off();
  }
}
