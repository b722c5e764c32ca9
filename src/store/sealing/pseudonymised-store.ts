/**
 * A store that hides the ids of its users. Each record is stored under an HMAC of the id, which can be computed only
 * with the key, and the id itself is sealed in the record. A copy of the store reveals the number of users, their
 * states, timestamps and `oneup_user_id`s, but no `app_user_id`.
 *
 * It wraps any {@link Store}; adapters need no support for it. CPU cost, measured on LMDB with the names of recent
 * users cached: a load 1.2 times as much, a commit 1.6 times (random key order, longer records), a complete onboarding
 * 1.15 times. If the name is not cached, a load costs 2 times (one HMAC) and a commit 2.3 times (two HMACs and a seal).
 * Listing users costs 2 times, because each record is loaded to learn its id.
 *
 * @module
 */
import { isLifecycleError, unlessDamaged, type LifecycleError, recordDamaged } from "../../errors.ts";
import type { Batch, Claimed, Commit, Json, Lease, Store, StoredRecord } from "../contract.ts";
import type { HiddenNames } from "./hidden-names.ts";
import { quarantine } from "../quarantine.ts";
import { isObject } from "../guards.ts";

/** The stored value of a user. */
interface Hidden {
  /** The id, sealed for the record's key. */
  readonly sealedId: string;
  readonly user: Json;
}

/** A store that tells which records a page leaves out because their ids cannot be read. */
export interface ListingStore extends Store {
  page(
    ask: Parameters<Store["page"]>[0] & {
      /** Called with the {@link HiddenNames.form} of each. */
      readonly leavesOut?: ((form: string) => void) | undefined;
    },
  ): ReturnType<Store["page"]>;
}

/**
 * Wraps a store so that its ids are hidden. Two things differ for callers: `page` returns another order, and `load` of
 * an id that was renamed several times returns the latest id, because only a record contains its id.
 *
 * @param warn receives a message about each record whose id cannot be read; `claim`, `grant` and `page` skip these
 */
export function pseudonymisedStore(
  store: Store,
  names: HiddenNames,
  warn: (message: string) => void,
): ListingStore {
  const { join } = store;
  function inward(commit: Commit): Commit {
    const value = { sealedId: names.sealedId(commit.id), user: commit.value } satisfies Hidden;
    const { unless } = commit;
    return {
      ...commit,
      id: names.key(commit.id),
      value,
      ...(unless !== undefined && { unless: names.key(unless) }),
    };
  }

  function whose({ id: key, value }: StoredRecord): string {
    const id = isHidden(value) ? unlessDamaged(() => names.openUnder(key, value.sealedId)) : undefined;
    if (id === undefined) throw nameless(key);
    return id;
  }

  /** The record as the runtime knows it; `null`, with a warning, if its id cannot be read. */
  function outward(record: StoredRecord): StoredRecord | null {
    try {
      return { ...record, id: whose(record), value: userIn(record.value) };
    } catch (error) {
      passOver(error);
      return null;
    }
  }

  /** Warns about one unreadable record, so that it does not stop the others. */
  function passOver(error: unknown): void {
    if (!isLifecycleError(error) || error.retryable) throw error;
    warn(`Cannot process a user: ${error.message}`);
  }

  /**
   * Repeats the request until it returns a user whose id is readable, or nothing. Skipped records are leased now as
   * well.
   */
  async function known({ lease }: { readonly lease: Lease }, ask: () => Promise<Batch>): Promise<Batch> {
    for (;;) {
      const { claimed, nextInMs } = await ask();
      const users: Claimed[] = [];
      for (const each of claimed) {
        const record = outward(each.record);
        if (record !== null) users.push({ ...each, record });
        else {
          await quarantine(store, each.record, lease);
          if (each.slot !== null) await store.slots.giveBack(each.slot);
        }
      }
      if (users.length > 0 || claimed.length === 0) return { claimed: users, nextInMs };
    }
  }

  /** The id of the record under `key`, following renames; `null`: there is none. */
  async function idUnder(key: string): Promise<{ readonly id: string; readonly moved: boolean } | null> {
    let at = key;
    for (let moves = 0; moves < mostMoves; moves++) {
      const loaded = await store.load(at);
      if (loaded.type === "record") return { id: whose(loaded.record), moved: moves > 0 };
      if (loaded.type === "absent") return null;
      at = loaded.to;
    }
    throw nameless(key);
  }

  /** The id of the record under `key`; `null` if it has been renamed or removed, or is unreadable. */
  async function listed(key: string, leavesOut?: (form: string) => void): Promise<string | null> {
    try {
      const found = await idUnder(key);
      return found === null || found.moved ? null : found.id;
    } catch (error) {
      passOver(error);
      leavesOut?.(names.formOf(key));
      return null;
    }
  }

  return {
    async load(id) {
      const loaded = await store.load(names.key(id));
      if (loaded.type === "absent") return loaded;
      // A value of another shape is returned unchanged; its reader reports the error.
      if (loaded.type === "record")
        return { type: "record", record: { ...loaded.record, id, value: userIn(loaded.record.value) } };
      const found = await idUnder(loaded.to);
      return { type: "renamed", to: found?.id ?? id }; // it leads nowhere: the user under that id is forgotten
    },
    commit: (commit) => store.commit(inward(commit)),
    claim: (ask) => known(ask, () => store.claim(ask)),
    grant: (ask) => known(ask, () => store.grant(ask)),
    ...(join && { join: (client, commit) => join(client, inward(commit)) }),
    move: ({ from, commit }) => store.move({ from: names.key(from), commit: inward(commit) }),
    erase: ({ ids, to }) => store.erase({ ids: ids.map((id) => names.key(id)), to: names.key(to) }),

    async page({ state, after, limit, leavesOut }) {
      const ids: string[] = [];
      let behind = after ? names.key(after) : after;
      while (ids.length < limit) {
        const most = limit - ids.length;
        const keys = await store.page({ state, after: behind, limit: most });
        for (const id of await Promise.all(keys.map((key) => listed(key, leavesOut))))
          if (id !== null) ids.push(id);
        if (keys.length < most) break; // a page with fewer keys is the last one; skipped records are replaced from the next page
        behind = keys.at(-1);
      }
      return ids;
    },

    slots: store.slots,
    ...(store.events && { events: store.events }),
    counts: () => store.counts(),
    tally: () => store.tally(),
    account: store.account,
    close: () => store.close(),
  };
}

/** Maximum number of renames that are followed. */
const mostMoves = 1_000;

function userIn(value: Json): Json {
  return isHidden(value) ? value.user : value;
}

function isHidden(value: Json): value is Json & Hidden {
  return isObject(value) && typeof value["sealedId"] === "string" && "user" in value;
}

/**
 * The key may have been written by a store without hidden ids, so a key of another shape is not repeated in the
 * message.
 */
function nameless(key: string): LifecycleError {
  const shown = /^[\w-]{43}$/.test(key) ? key : "[not a hidden id]";
  return recordDamaged(
    `Cannot identify the user of the record with hidden id ${shown}: it must contain a valid sealed id, and it does not`,
  );
}
