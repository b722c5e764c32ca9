/**
 * Secrets at rest. A key ring (yours) wraps the store keys, which stand in the account's record; every process start
 * derives a data key of its own from the newest one, with a fresh salt that travels with each sealed text. So a rotated
 * ring key re-wraps a few keys and not a million records, and no data key is used for long.
 *
 * AES-256-GCM throughout. The additional data names format, account, user, its id at 1upHealth, store key and fields: a
 * secret that was moved to another user, account, field or format does not open, nor does one with a changed byte.
 *
 * @module
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  randomBytes,
} from "node:crypto";
import type { KeyObject } from "node:crypto";
import { LifecycleError } from "../errors.ts";
import { Secret } from "../secret.ts";
import type { Json } from "./contract.ts";
import { formatOf, newestFormat, sealingKeyOf } from "./envelope.ts";
import type { Sealed } from "./envelope.ts";
import type { KeyView, StoreKey } from "./key-record.ts";

/** Whose secrets these are. */
export interface Owner {
  readonly user: string;
  /** Its id at 1upHealth; `null` as long as it has none. */
  readonly oneupUserId: number | null;
}

/** A user's secrets by name. */
export type Secrets = Readonly<Partial<Record<SecretName, Secret>>>;

/** The secrets a user can have. */
export type SecretName = "code" | "accessToken" | "refreshToken";

const names: readonly SecretName[] = ["code", "accessToken", "refreshToken"];
const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;

/** A data key seals at most 2^30 times: far below the bound at which random nonces of AES-GCM could meet. */
const sealsPerKey = 2 ** 30;

/** Data keys of other process starts that are kept at hand. */
const cachedKeys = 1_000;

/** Seals and opens the secrets of one account's users. */
export class Sealer {
  /** The newest format that is known here. */
  readonly newest: number;
  readonly #account: string;
  readonly #aliasKey: KeyObject;
  /** All store keys this process ever held: a record that was read before a key was dropped still opens. */
  readonly #keys = new Map<string, DataKeys>();
  /** The one key of format 1. */
  readonly #first: DataKeys;
  #sealing: DataKeys;
  #format: number;
  #nonces: Buffer = Buffer.alloc(0);

  constructor(view: KeyView, account: string, newest: number = newestFormat) {
    this.newest = newest;
    this.#account = account;
    this.#aliasKey = createSecretKey(view.names);
    this.#sealing = this.#keysOf(view.storeKeys[0]);
    this.#first = view.storeKeys.map((key) => this.#keysOf(key)).at(-1) ?? this.#sealing;
    this.#format = view.format;
  }

  /** The format in which users are written. */
  get format(): number {
    return this.#format;
  }

  /** The id of the store key that seals. */
  get keyId(): string {
    return this.#sealing.id;
  }

  /** From now on seals in the format and with the newest key of `view`. */
  use(view: KeyView): void {
    for (const key of view.storeKeys) this.#keysOf(key);
    this.#sealing = this.#keysOf(view.storeKeys[0]);
    this.#format = view.format;
  }

  /** False: the record was written by a process that has seen a newer account's record than this one. */
  knows(value: Json): boolean {
    const key = sealingKeyOf(value);
    return (key === null || this.#keys.has(key)) && (formatOf(value) ?? 0) <= this.#format;
  }

  /** Were these secrets sealed as they would be now? */
  isCurrent(format: number, sealed: Pick<Sealed, "key"> | null): boolean {
    if (format !== this.#format) return false;
    return sealed === null || format === 1 || sealed.key === this.#sealing.id;
  }

  /** Is this record written as it would be now? */
  isWritten(value: Json): boolean {
    const key = sealingKeyOf(value);
    return this.isCurrent(formatOf(value) ?? 0, key === null ? null : { key });
  }

  /**
   * The user's name in logs and messages: ids are often e-mail addresses, so they do not stand there.
   * The same user has the same alias as long as the store lives.
   */
  alias(user: string): string {
    return `#${createHmac("sha256", this.#aliasKey).update(user).digest("hex").slice(0, 10)}`;
  }

  /** A name for a client secret that says nothing about it, the same for every process that knows both. */
  fingerprint(secret: string): string {
    return createHmac("sha256", this.#aliasKey)
      .update("client secret")
      .update(secret)
      .digest("hex")
      .slice(0, 16);
  }

  /** The sealed form in this {@link format}; `null` for no secrets. */
  seal(owner: Owner, secrets: Secrets): Sealed | null {
    const fields = names.filter((name) => secrets[name] !== undefined);
    if (fields.length === 0) return null;
    const { id, salt, key } = this.#sealing.own();
    const nonce = this.#nonce();
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    cipher.setAAD(this.#boundTo(owner, this.#format, id, fields));
    const plain = JSON.stringify(fields.map((name) => secrets[name]?.reveal()));
    const sealed = cipher.update(plain, "utf8");
    const rest = cipher.final();
    const text = Buffer.concat([salt, nonce, cipher.getAuthTag(), sealed, rest]).toString("base64");
    return this.#format === 1 ? { fields, text } : { key: id, fields, text };
  }

  /**
   * Opens what was sealed in `format`.
   * @throws {LifecycleError} `RECORD_DAMAGED` if it was not sealed for this user, account, fields and format, or was
   * changed
   */
  open(owner: Owner, sealed: Sealed | null, format: number): Secrets {
    if (sealed === null) return {};
    try {
      const keys = format === 1 ? this.#first : this.#keys.get(sealed.key ?? "");
      if (keys === undefined) throw new TypeError("no such store key");
      const bytes = Buffer.from(sealed.text, "base64");
      const nonce = bytes.subarray(saltBytes, saltBytes + nonceBytes);
      const start = saltBytes + nonceBytes + tagBytes;
      const decipher = createDecipheriv("aes-256-gcm", keys.of(bytes.subarray(0, saltBytes)), nonce, {
        authTagLength: tagBytes,
      });
      decipher.setAAD(this.#boundTo(owner, format, keys.id, sealed.fields));
      decipher.setAuthTag(bytes.subarray(saltBytes + nonceBytes, start));
      const plain = decipher.update(bytes.subarray(start)).toString("utf8") + decipher.final("utf8");
      const values: unknown = JSON.parse(plain);
      if (!Array.isArray(values)) throw new TypeError("not a list");
      return Object.fromEntries(
        sealed.fields.map((name, index) => [name, new Secret(String(values[index]))]),
      );
    } catch {
      throw new LifecycleError(
        "RECORD_DAMAGED",
        `Cannot open the secrets of user ${this.alias(owner.user)}: they were sealed for another user or store, or were changed; reauthorize() gets a new grant`,
      );
    }
  }

  #boundTo({ user, oneupUserId }: Owner, format: number, key: string, fields: readonly string[]): Buffer {
    const bound =
      format === 1
        ? [format, this.#account, user, fields]
        : [format, this.#account, user, oneupUserId, key, fields];
    return Buffer.from(JSON.stringify(bound));
  }

  /** Fresh random bytes, fetched for many nonces at a time: asking the system costs more than sealing. */
  #nonce(): Buffer {
    if (this.#nonces.length < nonceBytes) this.#nonces = randomBytes(nonceBytes * 256);
    const nonce = this.#nonces.subarray(0, nonceBytes);
    this.#nonces = this.#nonces.subarray(nonceBytes);
    return nonce;
  }

  #keysOf(storeKey: StoreKey): DataKeys {
    const known = this.#keys.get(storeKey.id) ?? new DataKeys(storeKey);
    this.#keys.set(storeKey.id, known);
    return known;
  }
}

/** The data keys that come from one store key: this process's own, and those of other process starts. */
class DataKeys {
  readonly id: string;
  readonly #storeKey: KeyObject;
  readonly #others = new Map<string, KeyObject>();
  #own: { readonly id: string; readonly salt: Buffer; readonly key: KeyObject } | null = null;
  #seals = 0;

  constructor({ id, bytes }: StoreKey) {
    this.id = id;
    this.#storeKey = createSecretKey(bytes);
  }

  /** The data key that seals here. */
  own(): { readonly id: string; readonly salt: Buffer; readonly key: KeyObject } {
    if (this.#own === null || this.#seals >= sealsPerKey) {
      const salt = randomBytes(saltBytes);
      this.#own = { id: this.id, salt, key: this.#derived(salt) };
      this.#seals = 0;
    }
    this.#seals++;
    return this.#own;
  }

  /** The data key of this salt. */
  of(salt: Buffer): KeyObject {
    const name = salt.toString("latin1");
    let key = this.#others.get(name);
    if (key === undefined) {
      key = this.#derived(salt);
      if (this.#others.size >= cachedKeys) this.#others.clear();
      this.#others.set(name, key);
    }
    return key;
  }

  #derived(salt: Uint8Array): KeyObject {
    const bytes = hkdfSync("sha256", this.#storeKey, salt, "oneup-lifecycle data key", 32);
    return createSecretKey(new Uint8Array(bytes));
  }
}
