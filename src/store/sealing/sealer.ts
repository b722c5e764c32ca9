/**
 * Encryption of secrets at rest. The application's key ring wraps the store keys, which are in the account's record.
 * Every process start derives its own data key from the newest store key, with a random salt that is stored with each
 * sealed text. So rotating a ring key re-wraps a few keys instead of a million records, and no data key is used for
 * long.
 *
 * AES-256-GCM throughout. The additional data covers format, account, user, its id at 1upHealth, store key and field
 * names: a secret that was moved to another user, account, field or format does not open, nor does one with an altered
 * byte.
 *
 * @module
 */
import { createHmac, createSecretKey, hkdfSync, randomBytes, type KeyObject } from "node:crypto";
import { recordDamaged } from "../../errors.ts";
import { decrypt, encrypt, nonceBytes } from "./aes-gcm.ts";
import { cached } from "./cached.ts";
import { Secret } from "../../secret.ts";
import type { Json } from "../contract.ts";
import { formatOf, newestFormat, sealingKeyOf, type Sealed } from "../envelope.ts";
import type { KeyView, StoreKey } from "./key-record.ts";

/** The user that the secrets belong to. */
export interface Owner {
  readonly user: string;
  /** Its id at 1upHealth; `null` if it has none yet. */
  readonly oneupUserId: number | null;
}

/** The id of a user in an event, and the id of the store key that opens it. */
export interface SealedId {
  readonly key: string;
  /** As {@link Sealed.text}. */
  readonly text: string;
}

/** A user's secrets by name. */
export type Secrets = Readonly<Partial<Record<SecretName, Secret>>>;

/** The secrets a user can have. `causeText`: text of a response, which may quote anything. */
export type SecretName = "code" | "accessToken" | "refreshToken" | "causeText";

const names: readonly SecretName[] = ["code", "accessToken", "refreshToken", "causeText"];
const saltBytes = 16;

/** Maximum number of seals per data key, 2^30: far below the collision bound of random AES-GCM nonces. */
const sealsPerKey = 2 ** 30;

/** Maximum number of cached data keys of other process starts. */
const cachedKeys = 1_000;

/** Maximum number of cached names: a user that is looked for in vain is then written under the same name. */
const cachedNames = 1_000;

/**
 * Caches plaintexts and names across sealers. Only for the simulation, which runs hundreds of processes of one account
 * in one process. It opens nothing that would not open without it.
 */
export interface SealMemory {
  /** Plaintexts, by key id, bound data and sealed text. */
  readonly opened: Map<string, string>;
  readonly names: Map<string, string>;
  /** Returns a unique text to store in place of the ciphertext, which then opens only through {@link opened}. */
  readonly text?: (() => string) | undefined;
}

/** Seals and opens the secrets of one account's users. */
export class Sealer {
  /** The newest format known here. */
  readonly newest: number;
  readonly #account: string;
  readonly #aliasKey: KeyObject;
  /** All store keys this process has ever held, so that a record read before a key was dropped still opens. */
  readonly #keys = new Map<string, DataKeys>();
  #sealing: DataKeys;
  #format: number;
  readonly #userNames = new Map<string, string>();
  #nonces: Buffer = Buffer.alloc(0);
  readonly #memory: SealMemory | undefined;

  constructor(view: KeyView, account: string, newest: number = newestFormat, memory?: SealMemory) {
    this.#memory = memory;
    // seam: the-newest-format
    this.newest = newest;
    this.#account = account;
    this.#aliasKey = createSecretKey(view.names);
    this.#sealing = this.#keysOf(view.storeKeys[0]);
    for (const key of view.storeKeys) this.#keysOf(key);
    this.#format = view.format;
  }

  /** The format in which users are written. */
  get format(): number {
    // seam: the-format-in-use
    return this.#format;
  }

  /** The id of the store key that seals. */
  get keyId(): string {
    return this.#sealing.id;
  }

  /** Seals with the format and the newest key of `view` from now on. */
  use(view: KeyView): void {
    for (const key of view.storeKeys) this.#keysOf(key);
    this.#sealing = this.#keysOf(view.storeKeys[0]);
    this.#format = view.format;
  }

  /** False if the record was written by a process that has seen a newer account record than this one. */
  knows(value: Json): boolean {
    const key = sealingKeyOf(value);
    return (key === null || this.#keys.has(key)) && (formatOf(value) ?? 0) <= this.#format;
  }

  /** Whether these secrets are sealed with the current format and key. */
  isCurrent(format: number, sealed: Pick<Sealed, "key"> | null): boolean {
    return format === this.#format && (sealed === null || sealed.key === this.#sealing.id);
  }

  /** Whether this record is written with the current format and key. */
  isWritten(value: Json): boolean {
    const key = sealingKeyOf(value);
    return this.isCurrent(formatOf(value) ?? 0, key === null ? null : { key });
  }

  /**
   * The user's name in logs and messages, because ids are often e-mail addresses. A user's alias never changes during
   * the life of the store. Readers of events keep users by it, so no two of them share one: 80 bits.
   */
  alias(user: string): string {
    const made = (): string => createHmac("sha256", this.#aliasKey).update(user).digest("hex");
    return `#${this.#remembered("alias", user, made).slice(0, 20)}`;
  }

  /**
   * A name of the user that can be computed only with the key, 43 characters. It never changes during the life of the
   * store.
   */
  keyedName(user: string): string {
    const made = (): string =>
      createHmac("sha256", this.#aliasKey).update("user ").update(user).digest("base64url");
    return cached(this.#userNames, cachedNames, user, () => this.#remembered("user", user, made));
  }

  /** A name for a client secret that does not reveal it. Equal in all processes that share the store's keys. */
  fingerprint(secret: string): string {
    const made = (): string =>
      createHmac("sha256", this.#aliasKey).update("client secret").update(secret).digest("hex");
    return this.#remembered("secret", secret, made).slice(0, 16);
  }

  /** A name for a text of a response: equal for equal texts, in all processes that share the store's keys. */
  textPrint(text: string): string {
    return createHmac("sha256", this.#aliasKey).update("text ").update(text).digest("hex").slice(0, 12);
  }

  /** A key for another purpose, derived from the key of names: it never changes during the life of the store. */
  keyFor(purpose: string): KeyObject {
    const bytes = hkdfSync("sha256", this.#aliasKey, Buffer.alloc(0), `oneup-lifecycle ${purpose}`, 32);
    return createSecretKey(new Uint8Array(bytes));
  }

  /** A name of `what`, computed unless it is cached. */
  #remembered(kind: string, what: string, made: () => string): string {
    if (this.#memory === undefined) return made();
    const under = `${kind} ${what}`;
    const name = this.#memory.names.get(under) ?? made();
    this.#memory.names.set(under, name);
    return name;
  }

  /** The sealed form in this format; `null` if there are no secrets. */
  seal(owner: Owner, secrets: Secrets, format: number = this.#format): Sealed | null {
    const fields = names.filter((name) => secrets[name] !== undefined);
    if (fields.length === 0) return null;
    const { id } = this.#sealing;
    const bound = this.#boundTo(owner, format, id, fields);
    // seam: the-text-to-seal
    const plain = JSON.stringify(fields.map((name) => secrets[name]?.reveal()));
    const text = this.#sealed(plain, bound);
    // seam: only-the-sealed-form-is-written
    return { key: id, fields, text };
  }

  /** Seals the id of a user in the event of this name. It opens there only. */
  sealId(event: string, id: string): SealedId {
    const key = this.#sealing.id;
    return { key, text: this.#sealed(id, this.#boundToEvent(event, key)) };
  }

  /** The id sealed in the event of this name; `null` if it was sealed for another or altered, or its key is gone. */
  openId(event: string, { key, text }: SealedId): string | null {
    try {
      return this.#opened(key, text, this.#boundToEvent(event, key));
    } catch {
      return null;
    }
  }

  /** Whether the key that it was sealed with is known here. */
  holds({ key }: SealedId): boolean {
    return this.#keys.has(key);
  }

  /**
   * Opens secrets that were sealed in `format`.
   * @throws {LifecycleError} `RECORD_DAMAGED` if they were not sealed for this user, account, fields and format, or
   *   were altered
   */
  open(owner: Owner, sealed: Sealed | null, format: number): Secrets {
    if (sealed === null) return {};
    try {
      const bound = this.#boundTo(owner, format, sealed.key, sealed.fields);
      const plain = this.#opened(sealed.key, sealed.text, bound);
      const values: unknown = JSON.parse(plain);
      if (!Array.isArray(values)) throw new TypeError("not a list");
      const secrets: Partial<Record<string, Secret>> = {};
      for (const [index, name] of sealed.fields.entries()) secrets[name] = new Secret(String(values[index]));
      return secrets;
    } catch {
      throw recordDamaged(
        `Cannot open the secrets of user ${this.alias(owner.user)}: they were sealed for another user or store, or were changed; reauthorize() gets a new grant`,
      );
    }
  }

  /** Encrypts with the newest key. */
  #sealed(plain: string, bound: string): string {
    const text = this.#memory?.text?.() ?? this.#encrypted(plain, bound);
    this.#memory?.opened.set(`${this.#sealing.id} ${text} ${bound}`, plain);
    return text;
  }

  #encrypted(plain: string, bound: string): string {
    const { salt, key } = this.#sealing.own();
    const parts = encrypt(key, this.#nonce(), Buffer.from(plain), bound);
    return Buffer.concat([salt, ...parts]).toString("base64");
  }

  /** @throws if there is no such key, or the text was sealed with another or bound to other data, or was altered */
  #opened(keyId: string, text: string, bound: string): string {
    const keys = this.#keys.get(keyId);
    if (keys === undefined) throw new TypeError("no such store key");
    const under = `${keyId} ${text} ${bound}`;
    const plain = this.#memory?.opened.get(under) ?? opened(keys, bound, text);
    this.#memory?.opened.set(under, plain);
    return plain;
  }

  #boundToEvent(event: string, key: string): string {
    return JSON.stringify(["event", this.#account, key, event]);
  }

  #boundTo({ user, oneupUserId }: Owner, format: number, key: string, fields: readonly string[]): string {
    return JSON.stringify([format, this.#account, user, oneupUserId, key, fields]);
  }

  /** Random bytes, fetched for many nonces at a time, because the system call costs more than sealing. */
  #nonce(): Buffer {
    if (this.#nonces.length < nonceBytes) this.#nonces = randomBytes(nonceBytes * 256);
    const nonce = this.#nonces.subarray(0, nonceBytes);
    this.#nonces = this.#nonces.subarray(nonceBytes);
    return nonce;
  }

  #keysOf(storeKey: StoreKey): DataKeys {
    const known = this.#keys.get(storeKey.id) ?? dataKeys(storeKey);
    this.#keys.set(storeKey.id, known);
    return known;
  }
}

/** The plaintext. @throws if it was sealed with another key or bound to other data, or was altered */
function opened(keys: DataKeys, bound: string, text: string): string {
  const bytes = Buffer.from(text, "base64");
  const key = keys.of(bytes.subarray(0, saltBytes));
  return decrypt(key, bytes.subarray(saltBytes), bound).toString("utf8");
}

/** The data keys derived from one store key: this process's own, and those of other process starts. */
function dataKeys({ id, bytes }: StoreKey) {
  const storeKey = createSecretKey(bytes);
  const others = new Map<string, KeyObject>();
  let current: { readonly id: string; readonly salt: Buffer; readonly key: KeyObject } | null = null;
  let seals = 0;

  function derived(salt: Uint8Array): KeyObject {
    const secret = hkdfSync("sha256", storeKey, salt, "oneup-lifecycle data key", 32);
    return createSecretKey(new Uint8Array(secret));
  }

  return {
    id,

    /** The data key used for sealing. */
    own(): NonNullable<typeof current> {
      if (current === null || seals >= sealsPerKey) {
        const salt = randomBytes(saltBytes);
        current = { id, salt, key: derived(salt) };
        seals = 0;
      }
      seals++;
      return current;
    },

    /** The data key with this salt. */
    of(salt: Buffer): KeyObject {
      return cached(others, cachedKeys, salt.toString("latin1"), () => derived(salt));
    },
  };
}

/** See {@link dataKeys}. */
type DataKeys = ReturnType<typeof dataKeys>;
