/**
 * A store that does not tell who its users are. Each stands under an HMAC of its id, which only the keeper of the
 * key can compute, and the id itself stands sealed in the record: whoever copies the store sees how many users there
 * are, in which states and since when, and `oneup_user_id`s, but no `app_user_id`.
 *
 * It wraps any {@link Store}, and no adapter knows of it. What it costs in CPU, measured on LMDB, with the names of the
 * last users kept at hand: a load 1.2 times as much, a commit 1.6 times (keys arrive in no order, records are longer), an
 * onboarding with all that belongs to it 1.15 times. Where a name must be computed first, a load (an HMAC) twice and a
 * commit (two, and a seal) 2.3 times; listing users twice as much, for every record is loaded once more to learn its id.
 *
 * @module
 */
import { isLifecycleError, LifecycleError } from "../errors.ts";
import type { Batch, Claimed, Commit, Json, Lease, Loaded, Store, StoredRecord } from "./contract.ts";
import type { HiddenNames } from "./hidden-names.ts";
import { setAside, stateWith } from "./set-aside.ts";
import { isObject } from "./shapes.ts";

/** What stands in the place of a user's value. */
interface Hidden {
  /** The id, sealed for the key of the record. */
  readonly sealedId: string;
  readonly user: Json;
}

/**
 * The store, its ids hidden. Two things are different from outside: `page` has another order, and `load` of an id
 * that was renamed several times answers with the last one, because only a record holds its id.
 *
 * @param warn hears of records that do not say whose they are; `claim`, `grant` and `page` go on without them
 */
export function hidingIds(store: Store, names: HiddenNames, warn: (message: string) => void): Store {
  function inward(commit: Commit): Commit {
    const value = { sealedId: names.sealedId(commit.id), user: commit.value } satisfies Hidden;
    return { ...commit, id: names.key(commit.id), value };
  }

  function whose({ id: key, value }: StoredRecord): string {
    try {
      if (isHidden(value)) return names.openUnder(key, value.sealedId);
    } catch (error) {
      if (!isLifecycleError(error, "RECORD_DAMAGED")) throw error;
    }
    throw nameless(key);
  }

  /** As the runtime knows it; `null`, with a warning, if it does not say whose it is. */
  function outward(record: StoredRecord): StoredRecord | null {
    try {
      return { ...record, id: whose(record), value: userIn(record.value) };
    } catch (error) {
      passOver(error);
      return null;
    }
  }

  /** One record that cannot be read must not stop the others. */
  function passOver(error: unknown): void {
    if (!isLifecycleError(error) || error.retryable) throw error;
    warn(`Cannot go on with a user: ${error.message}`);
  }

  let isClosed = false;
  let searching: Promise<void> | null = null;

  /** Looking for its shelf goes through everybody: one at a time, and the others do not wait for it. */
  function aside(record: StoredRecord, lease: Lease): void {
    searching ??= stateWith(store, record.id, () => isClosed)
      .then((state) => (state === null || isClosed ? undefined : setAside(store, record, lease, state)))
      .catch(() => {}) // its lease ends by itself
      .finally(() => (searching = null));
  }

  /** Asks until somebody is there whose id is known, or nobody is: whoever was passed over is leased now, too. */
  async function known({ lease }: { readonly lease: Lease }, ask: () => Promise<Batch>): Promise<Batch> {
    for (;;) {
      const { claimed, nextInMs } = await ask();
      const users: Claimed[] = [];
      for (const each of claimed) {
        const record = outward(each.record);
        if (record !== null) users.push({ ...each, record });
        else {
          aside(each.record, lease);
          if (each.slot !== null) await store.slots.giveBack(each.slot);
        }
      }
      if (users.length > 0 || claimed.length === 0) return { claimed: users, nextInMs };
    }
  }

  /** Whose record stands under `key`, or stood there before it was renamed; `null`: nobody's. */
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

  /** Whose record stands under `key`; `null` if it is gone from there meanwhile, or does not say. */
  async function listed(key: string): Promise<string | null> {
    try {
      const found = await idUnder(key);
      return found === null || found.moved ? null : found.id;
    } catch (error) {
      passOver(error);
      return null;
    }
  }

  return {
    async load(id) {
      const loaded = await store.load(names.key(id));
      return loaded.type === "renamed" ? renamed(loaded.to) : shown(loaded, id);
    },
    commit: (commit) => store.commit(inward(commit)),
    claim: (ask) => known(ask, () => store.claim(ask)),
    grant: (ask) => known(ask, () => store.grant(ask)),
    move: ({ from, commit }) => store.move({ from: names.key(from), commit: inward(commit) }),

    async page({ state, after, limit }) {
      const ids: string[] = [];
      let behind = after ? names.key(after) : after;
      while (ids.length < limit) {
        const most = limit - ids.length;
        const keys = await store.page({ state, after: behind, limit: most });
        for (const id of await Promise.all(keys.map(listed))) if (id !== null) ids.push(id);
        if (keys.length < most) break; // a page that is not full is the last one, so those passed over are made up for
        behind = keys.at(-1);
      }
      return ids;
    },

    slots: store.slots,
    counts: () => store.counts(),
    account: store.account,
    close() {
      isClosed = true;
      return store.close();
    },
  };

  async function renamed(to: string): Promise<Loaded> {
    const found = await idUnder(to);
    if (found === null) throw nameless(to);
    return { type: "renamed", to: found.id };
  }
}

/** So often can a user be renamed and still be found under its first id. */
const mostMoves = 1_000;

/** A user as the runtime knows it. What has another form is left as it is: whoever reads it says what is wrong. */
function shown(loaded: Exclude<Loaded, { type: "renamed" }>, id: string): Loaded {
  if (loaded.type === "absent") return loaded;
  return { type: "record", record: { ...loaded.record, id, value: userIn(loaded.record.value) } };
}

function userIn(value: Json): Json {
  return isHidden(value) ? value.user : value;
}

function isHidden(value: Json): value is Json & Hidden {
  return isObject(value) && typeof value["sealedId"] === "string" && "user" in value;
}

/** Somebody who knows nothing of hidden ids may have written there: a key of another form is not repeated. */
function nameless(key: string): LifecycleError {
  const shown = /^[\w-]{43}$/.test(key) ? key : "[not a hidden id]";
  return new LifecycleError(
    "RECORD_DAMAGED",
    `Cannot tell whose record stands under the hidden id ${shown}: it must hold a sealed id that opens, and it does not`,
  );
}
