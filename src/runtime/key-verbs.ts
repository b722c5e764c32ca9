/**
 * The verbs that deal with keys and formats.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import { wrapNames } from "../store/key-record.ts";
import type { KeyRecord } from "../store/key-record.ts";
import { accountOf } from "../store/account.ts";
import { checkRewrap } from "./call-checks.ts";
import { wrong } from "./checks.ts";
import type { Engine } from "./engine.ts";
import type { Cancellable } from "./call-options.ts";
import { rewrapKeys } from "./rewrap.ts";
import { sealRecordsAnew } from "./seal-anew.ts";

/** Options of {@link KeyVerbs.rewrap}. */
export interface RewrapOptions extends Cancellable {
  /** Replace the store's own key as well, and seal every user anew. @default false */
  readonly records?: boolean | undefined;
  /**
   * Called with every page of users: how many were looked at in this round, of how many, and how many were sealed anew
   * since the call. There are three rounds at least: the last two find nothing left to do.
   */
  readonly onProgress?:
    | ((progress: { readonly seen: number; readonly of: number; readonly resealed: number }) => void)
    | undefined;
}

/** What {@link KeyVerbs.rewrap} did. */
export interface RewrapSummary {
  /** Store keys that there are now. */
  readonly storeKeys: number;
  /** Users sealed anew. */
  readonly resealed: number;
  /** Users whose record does not open by any key; they were left as they are. */
  readonly unreadable: number;
  /** Store keys that nothing uses any more and that were dropped. */
  readonly dropped: number;
}

/** The verbs that deal with keys and formats. */
export interface KeyVerbs {
  /**
   * Wraps the store's keys with the newest key of your ring: one compare-and-set, whatever the number of users. Other
   * processes go on. Afterwards {@link keys}`.retire()` takes the old key.
   *
   * With `records: true` the store's own key is replaced, too, and every user sealed anew with it: for when the old one
   * may be known to somebody. It takes 10 s at least, and waits for those on whom some process was working then, however
   * long its lease. It needs a store of format 2 ({@link upgradeFormat}) and every process to hold the newest ring key.
   * Interrupted, it goes on when called again; under another ring key it begins anew, for that one may be known, too.
   *
   * @throws {LifecycleError} `KEY_REFUSED`, retryable if a key provider did not answer; `INVALID_OPTION` if the format is
   * too old; `STORE_UNAVAILABLE`; the signal's reason
   * @example
   * ```ts
   * import { keyFile } from "oneup-lifecycle";
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle({ lifecycle: { encryption: keyFile("./lifecycle.key") } });
   * // a new key stands on the first line of the file
   * const { storeKeys } = await lifecycle.rewrap();
   * ```
   */
  rewrap(options?: RewrapOptions): Promise<RewrapSummary>;
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
    /** Those that wrap something, and the ids of the store keys that they wrap, newest first. No secrets. */
    list(): Promise<readonly { readonly id: string; readonly storeKeys: readonly string[] }[]>;
    /**
     * Makes sure that this store needs a key no more: from now on no process wraps with it. Copies and backups of the
     * store that were made before {@link rewrap} still need it: keep it as long as you keep them.
     * @throws {LifecycleError} `KEY_REFUSED` while something is still wrapped by it; `INVALID_OPTION` for an id that is
     * none of your ring and has wrapped nothing here
     */
    retire(id: string): Promise<void>;
  };
  /**
   * From now on users are written in the newest format that this release knows; a user is rewritten when it takes its
   * next step. Call it once **every** process runs this release: an older one cannot read what is written then, leaves
   * it alone and begins nothing new. Resolves with the format.
   *
   * @throws {LifecycleError} `STORE_UNAVAILABLE`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * console.log(await lifecycle.upgradeFormat()); // 2
   * ```
   */
  upgradeFormat(): Promise<number>;
}

/** The verbs of a lifecycle that deal with keys. `working`: what closing waits for. */
export function createKeyVerbs(engine: Engine, open: () => void, working: Set<Promise<unknown>>): KeyVerbs {
  function whileOpen<T>(work: () => Promise<T>): Promise<T> {
    open();
    const done = work().finally(() => working.delete(done));
    working.add(done);
    return done;
  }
  return {
    keys: {
      list: async () => {
        open();
        return list(engine);
      },
      retire: async (id) => {
        open();
        if (typeof id !== "string" || id === "") throw wrong("retire a key", "its id", "text", id);
        await retire(engine, id);
      },
    },
    rewrap: async (options) => {
      const checked = checkRewrap(options);
      return whileOpen(() => (checked.records ? sealRecordsAnew(engine, checked) : rewrapKeys(engine)));
    },
    upgradeFormat: async () => whileOpen(() => upgradeFormat(engine)),
  };
}

async function list({ keys }: Engine): Promise<Awaited<ReturnType<KeyVerbs["keys"]["list"]>>> {
  const wraps = new Map<string, string[]>();
  await keys.change(({ storeKeys }) => {
    wraps.clear();
    for (const { by, id } of storeKeys) {
      wraps.set(by, [...(wraps.get(by) ?? []), id ?? keys.sealer.keyId]);
    }
    return null;
  });
  return [...wraps].map(([id, storeKeys]) => ({ id, storeKeys }));
}

async function retire({ keys }: Engine, id: string): Promise<void> {
  await keys.change((record) => {
    const wrapped = record.storeKeys.filter(({ by }) => by === id).length;
    if (wrapped > 0) {
      throw new LifecycleError(
        "KEY_REFUSED",
        `Cannot retire key ${id}: it must wrap nothing, and it wraps ${wrapped} of the store's keys; call rewrap() with a newer key first`,
        { facts: { storeKeys: wrapped } },
      );
    }
    if (record.retired.includes(id)) return null;
    if (!record.former.includes(id) && !keys.ring().ids.includes(id)) {
      throw new LifecycleError(
        "INVALID_OPTION", // the value may be a key itself, so it is not repeated
        "Cannot retire a key: its id must be one of your ring or one that wrapped this store's keys before, see keys.list()",
      );
    }
    return { ...record, retired: [...record.retired, id] };
  });
}

async function upgradeFormat({ account, keys, sealer }: Engine): Promise<number> {
  await keys.change((record) => {
    if (record.format >= sealer.newest) return null;
    const [key] = keys.view.storeKeys;
    // Format 1 has this one key. Later there may be a newer one, unseen here, and the key of names is wrapped by that.
    const names = record.names ?? wrapNames(keys.view.names, key, accountOf(account.credentials.clientId));
    return { ...record, format: sealer.newest, storeKeys: named(record, key.id), names };
  });
  return sealer.format;
}

/** The store keys with their ids: format 1 has a single one and does not name it. */
function named({ storeKeys }: KeyRecord, id: string): KeyRecord["storeKeys"] {
  const [first, ...others] = storeKeys;
  return [{ ...first, id: first.id ?? id }, ...others];
}
