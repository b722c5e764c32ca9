/**
 * Gives access to a store through Keyv: a storage adapter for Keyv 5 and 6 on the backend of a store adapter. Namespace `users`
 * is a read-only view of the sealed snapshots; every other namespace is ordinary storage.
 *
 * An adapter supplies a {@link KeyvBackend}, which reads its rows and stores texts. A backend without TTLs wraps its
 * table with `expiringTexts` of `expiring-texts.ts`.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { invalidOption, isLifecycleError, LifecycleError } from "../errors.ts";
import { accountOf } from "./account-of.ts";
import type { Json } from "./contract.ts";
import { decodeRow } from "./row-rules.ts";

/** Options of {@link KeyvView.keyv}. */
export interface KeyvViewOptions {
  /** `users` is a read-only view of the users. Any other name, 1 to 128 bytes, is a storage namespace of its own. */
  readonly namespace: string;
  /**
   * The account whose users are shown in namespace `users`; ignored in others.
   * @default the account of the only lifecycle that this adapter object has opened
   */
  readonly clientId?: string | undefined;
}

/** An adapter whose backend can be used through Keyv. */
export interface KeyvView {
  /**
   * Creates a Keyv storage adapter on the same backend. Use a separate one for each Keyv, because Keyv writes its
   * namespace into it.
   *
   * Namespace `users` returns the sealed snapshot of a user under its id, in Keyv's own format. Writes reject with
   * `INVALID_OPTION` and change nothing. A renamed id is absent. A prefix of the Keyv's namespace and a colon is
   * removed from ids, as Keyv itself does. In a store that hides ids, snapshots are stored under hidden ids, as
   * `{ sealedId, user }`.
   *
   * In any other namespace, keys have at most 1024 bytes, and values are text, as Keyv's serializer produces it.
   *
   * @throws {LifecycleError} `INVALID_OPTION` if the namespace is invalid, or if it is unclear whose users to show
   * @example
   * ```ts
   * import { Keyv } from "keyv";
   * import { memory } from "oneup-lifecycle/adapters/memory";
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const store = memory();
   * const { lifecycle } = await createTestLifecycle({ lifecycle: { store } });
   * await lifecycle.onboard("ada");
   * const users = new Keyv({ store: store.keyv({ namespace: "users" }) });
   * const snapshot = await users.get("ada"); // no secret in clear
   * const cache = new Keyv({ store: store.keyv({ namespace: "cache" }), ttl: 60_000 });
   * ```
   */
  keyv(options: KeyvViewOptions): KeyvStorage;
}

/** A storage adapter in the form that Keyv 5 expects, and Keyv 6 wraps: `new Keyv({ store })`. */
export interface KeyvStorage {
  /** Keyv's own namespace, set by Keyv. Entries written under one namespace are not visible under another. */
  namespace?: string | undefined;
  readonly opts: Record<string, unknown>;
  get<Value = string>(key: string): Promise<Value | undefined>;
  /** Reads many keys; a user whose record is damaged is `undefined` here, whereas `get` rejects. */
  getMany<Value = string>(keys: string[]): Promise<(Value | undefined)[]>;
  has(key: string): Promise<boolean>;
  hasMany(keys: string[]): Promise<boolean[]>;
  /** @param ttl Milliseconds; missing or 0 = no expiry. */
  set(key: string, value: unknown, ttl?: number): Promise<boolean>;
  setMany(entries: { key: string; value: unknown; ttl?: number }[]): Promise<void>;
  /** True if it existed. */
  delete(key: string): Promise<boolean>;
  /** True if any of them existed. */
  deleteMany(keys: string[]): Promise<boolean>;
  /** Removes what was written under this namespace and that of its Keyv. */
  clear(): Promise<void>;
  iterator<Value = string>(namespace?: string): AsyncGenerator<[string, Awaited<Value>], void>;
  /** Releases the backend. */
  disconnect(): Promise<void>;
  /** Required by Keyv. No events are emitted; failures reject. */
  on(event: string, listener: (...facts: unknown[]) => void): KeyvStorage;
}

/** Texts by key. Keys and prefixes start with the namespace (letters, digits and `-_.!~'()%`) and a colon. */
export interface TextStorage {
  get(key: string): Promise<string | undefined>;
  /** Resolves when it is durable. */
  set(key: string, text: string, ttlMs: number | undefined): Promise<void>;
  /** True if it existed. */
  delete(key: string): Promise<boolean>;
  /** The entries whose keys start with `prefix`, in any order. */
  entries(prefix: string): AsyncIterable<readonly [key: string, text: string]>;
  clear(prefix: string): Promise<void>;
}

/** The rows of one account as text, see `encodeRow`. */
export interface RowReader {
  get(id: string): Promise<string | undefined>;
  entries(): AsyncIterable<readonly [id: string, text: string]>;
}

/** What an adapter supplies. All rejections are a {@link LifecycleError}. */
export interface KeyvBackend {
  users(account: string): RowReader;
  readonly texts: TextStorage;
  close(): Promise<void>;
}

/**
 * Creates the Keyv storage adapter.
 *
 * @param connect called on first use; called again if it failed
 * @param opened the accounts that the adapter object has opened
 */
export function keyvView(
  options: KeyvViewOptions,
  connect: () => KeyvBackend | Promise<KeyvBackend>,
  opened: Iterable<string>,
): KeyvStorage {
  const { namespace } = options;
  checkName(namespace, "its namespace");
  const session = sessionOn(connect);
  return namespace === "users"
    ? usersStorage(session, accountToShow(options, [...opened]))
    : textStorage(session, namespace);
}

/** Shares one connection among all Keyv storage adapters of a store adapter. The last one to disconnect closes it. */
export function sharedBackend(connect: () => Promise<KeyvBackend>): () => Promise<KeyvBackend> {
  let openCount = 0;
  let shared: Promise<KeyvBackend> | undefined;
  return async () => {
    const connection = (shared ??= connect());
    openCount++;
    try {
      const backend = await connection;
      return {
        ...backend,
        async close() {
          if (--openCount > 0) return;
          shared = undefined;
          await backend.close();
        },
      };
    } catch (error) {
      openCount--;
      if (shared === connection) shared = undefined;
      throw error;
    }
  };
}

/** The backend of one Keyv storage adapter. Pending operations end before the backend is released. */
type Session = ReturnType<typeof sessionOn>;

function sessionOn(connect: () => KeyvBackend | Promise<KeyvBackend>) {
  const underWay = new Set<Promise<unknown>>();
  let backend: Promise<KeyvBackend> | undefined;
  let ended: Promise<void> | undefined;

  async function connected(): Promise<KeyvBackend> {
    const connection = (backend ??= Promise.resolve().then(connect));
    try {
      return await connection;
    } catch (error) {
      if (backend === connection) backend = undefined;
      throw error;
    }
  }

  async function use<T>(task: (backend: KeyvBackend) => Promise<T>): Promise<T> {
    if (ended !== undefined)
      throw new LifecycleError("CLOSED", "Cannot use this Keyv storage: it was disconnected");
    const running = connected().then(task);
    underWay.add(running);
    try {
      return await running;
    } finally {
      underWay.delete(running);
    }
  }

  async function end(): Promise<void> {
    await Promise.allSettled(underWay);
    const there = await backend?.catch(() => undefined);
    await there?.close();
  }

  return {
    /** @throws {LifecycleError} `CLOSED` */
    use,
    /** Every step of the iteration is a use of its own. @throws {LifecycleError} `CLOSED` */
    async *walk<T>(entries: (backend: KeyvBackend) => AsyncIterable<T>): AsyncGenerator<T, void> {
      const steps = await use(async (opened) => entries(opened)[Symbol.asyncIterator]());
      try {
        for (;;) {
          const step = await use(() => steps.next());
          if (step.done === true) return;
          yield step.value;
        }
      } finally {
        await steps.return?.();
      }
    },
    disconnect: (): Promise<void> => (ended ??= end()), // only once, because others may share the backend
  };
}

function accountToShow({ clientId }: KeyvViewOptions, opened: readonly string[]): string {
  if (typeof clientId === "string" && clientId !== "") return accountOf(clientId);
  const [only] = opened;
  if (clientId === undefined && only !== undefined && opened.length === 1) return only;
  throw invalidOption(
    `Cannot show users through Keyv: clientId must name the account, unless this adapter has opened one account; it has opened ${opened.length}`,
  );
}

function checkName(name: unknown, what: string): asserts name is string {
  if (typeof name === "string" && name !== "" && name.isWellFormed() && Buffer.byteLength(name) <= 128)
    return;
  throw invalidOption(`Cannot open a Keyv storage: ${what} must be a text of 1 to 128 bytes`);
}

/** The members common to both kinds. Keyv 5 iterates only over stores whose dialect it knows. Keyv decodes what they return. */
function commonMembers(
  session: Session,
  find: (key: string) => Promise<string | undefined>,
): Pick<KeyvStorage, "namespace" | "opts" | "on" | "disconnect" | "get" | "has" | "hasMany"> {
  return {
    get: <Value>(key: string) => find(key) as Promise<Value | undefined>,
    has: async (key) => (await find(key)) !== undefined,
    hasMany: (keys) => Promise.all(keys.map(async (key) => (await find(key)) !== undefined)),
    namespace: undefined, // Keyv 6 leaves namespaces to a storage that has this member
    opts: { dialect: "redis" },
    disconnect: () => session.disconnect(),
    on(this: KeyvStorage) {
      return this;
    },
  };
}

function usersStorage(session: Session, account: string): KeyvStorage {
  const refuse = async (): Promise<never> => {
    throw invalidOption(
      'Cannot change users through Keyv: the namespace "users" is read-only, only a lifecycle writes them',
    );
  };
  const prefix = (): string => (storage.namespace ? `${storage.namespace}:` : "");
  const idOf = (key: string): string => (key.startsWith(prefix()) ? key.slice(prefix().length) : key);
  const snapshot = async (key: string): Promise<string | undefined> => {
    const text = await session.use((backend) => backend.users(account).get(idOf(key)));
    return text === undefined ? undefined : shownValue(text);
  };
  const storage: KeyvStorage = {
    ...commonMembers(session, snapshot),
    getMany: <Value>(keys: string[]) =>
      Promise.all(keys.map((key) => snapshot(key).catch(undefinedIfDamaged))) as Promise<Value[]>, // as above
    set: refuse,
    setMany: refuse,
    delete: refuse,
    deleteMany: refuse,
    clear: refuse,
    async *iterator<Value>() {
      for await (const [id, text] of session.walk((backend) => backend.users(account).entries())) {
        const value = await Promise.resolve(text).then(shownValue).catch(undefinedIfDamaged);
        if (value !== undefined) yield [`${prefix()}${id}`, value as Awaited<Value>]; // as above
      }
    },
  };
  return storage;
}

/** The snapshot as Keyv's serializer writes it, without the store's bookkeeping; `undefined` for a renamed user. */
function shownValue(text: string): string | undefined {
  const row = decodeRow(text);
  if ("renamedTo" in row) return undefined;
  // Keyv removes a leading colon from strings.
  const escaped = (_key: string, value: Json): Json =>
    typeof value === "string" && value.startsWith(":") ? `:${value}` : value;
  return JSON.stringify({ value: row.value }, escaped);
}

function undefinedIfDamaged(error: unknown): undefined {
  if (!isLifecycleError(error, "RECORD_DAMAGED")) throw error;
}

function textStorage(session: Session, namespace: string): KeyvStorage {
  /** Both namespaces, encoded in characters that are safe in every backend. */
  const partition = (): string => {
    const inner = storage.namespace ?? "";
    if (inner !== "") checkName(inner, "the namespace of its Keyv");
    const parts = [namespace, inner].map((name) => encodeURIComponent(name).replaceAll("*", "%2A"));
    return `${parts.join(":")}:`;
  };
  const place = (key: string): string => {
    if (typeof key === "string" && key.isWellFormed() && Buffer.byteLength(key) <= 1024) {
      return `${partition()}${key}`;
    }
    throw invalidOption("Cannot use a key of a Keyv storage: it must be a text of at most 1024 bytes");
  };
  const find = async (key: string): Promise<string | undefined> =>
    session.use(({ texts }) => texts.get(place(key)));
  const write = async (key: string, value: unknown, ttl?: number): Promise<boolean> => {
    if (typeof value !== "string") {
      throw invalidOption(
        `Cannot keep a value in a Keyv storage: it must be text, as Keyv's serializer makes it, not ${typeof value}`,
      );
    }
    const ttlMs = ttl && Number.isFinite(ttl) ? Math.max(1, Math.ceil(ttl)) : undefined;
    await session.use(({ texts }) => texts.set(place(key), value, ttlMs));
    return true;
  };
  const remove = async (key: string): Promise<boolean> =>
    session.use(({ texts }) => texts.delete(place(key)));
  const storage: KeyvStorage = {
    ...commonMembers(session, find),
    getMany: <Value>(keys: string[]) => Promise.all(keys.map(find)) as Promise<(Value | undefined)[]>, // as above
    set: write,
    // Keyv types it as void, but returns its result, which is a list.
    setMany: (entries) =>
      Promise.all(
        entries.map(({ key, value, ttl }) => write(key, value, ttl)),
      ) as Promise<unknown> as Promise<void>,
    delete: remove,
    deleteMany: async (keys) => (await Promise.all(keys.map(remove))).includes(true),
    clear: () => session.use(({ texts }) => texts.clear(partition())),
    async *iterator<Value>() {
      const prefix = partition();
      for await (const [key, text] of session.walk(({ texts }) => texts.entries(prefix))) {
        yield [key.slice(prefix.length), text as Awaited<Value>]; // as above
      }
    },
  };
  return storage;
}
