/**
 * `rotateKeys()` and `keys`.
 *
 * @module
 */
import { invalidOption, keyRefused } from "../../errors.ts";
import { check, wrong } from "../../checks.ts";
import type { Engine } from "../engine/engine.ts";
import { rotateRingKey } from "./rotate-ring-key.ts";
import { rotateStoreKey } from "./rotate-store-key.ts";
import { rotating, type RotateKeysOptions, type RotateKeysSummary } from "./rotate-keys-options.ts";

/** The methods for keys. */
export interface KeyVerbs {
  /**
   * Wraps the store's keys with the newest key of your ring: one compare-and-set, however many users there are. Other
   * processes keep working. Afterwards {@link keys}`.retire()` retires the old key.
   *
   * With `records: true`, the store's own key is replaced too and every user is sealed again with the new one; use it
   * if the old key may have leaked. It takes at least 15 s, and waits for users that a process was working on at that
   * time, however long their leases. It requires the newest ring key in every process. After an interruption, call it
   * again to resume; under another ring key it starts over, since the unfinished store key may have leaked too.
   *
   * @throws {LifecycleError} `KEY_REFUSED` if the newest key is retired or was replaced before, or wraps them already and
   *   a key behind it has never wrapped any, which then is to be put first; and, retryable, if a key
   *   provider did not answer; `STORE_UNAVAILABLE`; the signal's reason
   * @example
   * ```ts
   * import { keyFile } from "oneup-lifecycle";
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle({ lifecycle: { encryption: keyFile("./lifecycle.key") } });
   * // the new key is on the first line of the file
   * const { storeKeys } = await lifecycle.rotateKeys();
   * ```
   */
  rotateKeys(options?: RotateKeysOptions): Promise<RotateKeysSummary>;
  /**
   * The keys of your ring, by id.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const keys = ["0".repeat(64), "1".repeat(64)]; // the newest one first
   * const { lifecycle } = await createTestLifecycle({ lifecycle: { encryption: { keys } } });
   * for (const { id, storeKeys } of await lifecycle.keys.list()) console.log(id, storeKeys.length);
   * ```
   */
  readonly keys: {
    /** The keys that wrap a store key, with the ids of those store keys, newest first. No secrets. */
    list(): Promise<readonly { readonly id: string; readonly storeKeys: readonly string[] }[]>;
    /**
     * Ensures that this store no longer needs a key: from now on no process wraps with it. Copies and backups of the
     * store that were made before {@link rotateKeys} still need it: keep the key for as long as you keep them.
     *
     * @throws {LifecycleError} `KEY_REFUSED` while the key still wraps a store key; `INVALID_OPTION` for an id that
     * is not in your ring and has wrapped nothing here
     */
    retire(id: string): Promise<void>;
  };
}

/** The key methods of a lifecycle. Closing waits for a task that is `underWay`. */
export function createKeyVerbs(
  engine: Engine,
  assertOpen: () => void,
  tracked: <T>(task: Promise<T>) => Promise<T>,
): KeyVerbs {
  return {
    keys: {
      list: async () => {
        assertOpen();
        return list(engine);
      },
      retire: async (id) => {
        assertOpen();
        if (typeof id !== "string" || id === "") throw wrong("retire a key", "its id", "text", id);
        await retire(engine, id);
      },
    },
    rotateKeys: async (options) => {
      const checked = check("rotate keys", options, rotating);
      assertOpen();
      return tracked(checked.records ? rotateStoreKey(engine, checked) : rotateRingKey(engine));
    },
  };
}

async function list({ keys }: Engine): Promise<Awaited<ReturnType<KeyVerbs["keys"]["list"]>>> {
  const wraps = new Map<string, string[]>();
  await keys.change(({ storeKeys }) => {
    wraps.clear();
    for (const { by, id } of storeKeys) {
      wraps.set(by, [...(wraps.get(by) ?? []), id]);
    }
    return null;
  });
  return [...wraps].map(([id, storeKeys]) => ({ id, storeKeys }));
}

async function retire({ keys }: Engine, id: string): Promise<void> {
  await keys.change((record) => {
    const wrapped = record.storeKeys.filter(({ by }) => by === id).length;
    if (wrapped > 0) {
      throw keyRefused(
        `Cannot retire key ${id}: it must wrap nothing, and it wraps ${wrapped} of the store's keys; call rotateKeys() with a newer key first`,
        { facts: { storeKeys: wrapped } },
      );
    }
    if (record.retired.includes(id)) return null;
    if (!record.former.includes(id) && !keys.ring().ids.includes(id)) {
      throw invalidOption(
        // the value may be a key itself, so it is not repeated
        "Cannot retire a key: its id must be one of your ring or one that wrapped this store's keys before, see keys.list()",
      );
    }
    return { ...record, retired: [...record.retired, id] };
  });
}
