/**
 * The verbs that deal with keys and formats.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import { wrapNames } from "../store/key-record.ts";
import type { KeyRecord } from "../store/key-record.ts";
import { accountOf } from "../store/account.ts";
import { checkRewrap } from "./call-options.ts";
import { wrong } from "./checks.ts";
import type { Engine } from "./engine.ts";
import type { KeyVerbs } from "./lifecycle.ts";
import { rewrapKeys } from "./rewrap.ts";
import { sealRecordsAnew } from "./seal-anew.ts";

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
