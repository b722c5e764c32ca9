/**
 * Secrets at rest. A key ring (yours) wraps one store key, which stands in the account's record; every process
 * start derives a data key of its own from it, with a fresh salt that travels with each sealed text. So a rotated
 * ring key re-wraps one key and not a million records, and no data key is used for long.
 *
 * AES-256-GCM throughout. The additional data names format, account, user and fields: a secret that was moved to
 * another user, account or field does not open, nor does one with a changed byte.
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

/** Sealed secrets and, in clear, which ones they are. */
export interface Sealed {
  readonly fields: readonly string[];
  /** base64: salt of the data key (16 bytes), nonce (12), tag (16), ciphertext. */
  readonly text: string;
}

/** A user's secrets by name. */
export type Secrets = Readonly<Partial<Record<SecretName, Secret>>>;

/** The secrets a user can have; `appUserId` is one where ids are hidden. */
export type SecretName = "code" | "accessToken" | "refreshToken" | "appUserId";

const names: readonly SecretName[] = ["code", "accessToken", "refreshToken", "appUserId"];
const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;

/** A data key seals at most 2^30 times: far below the bound at which random nonces of AES-GCM could meet. */
const sealsPerKey = 2 ** 30;

/** Data keys of other process starts that are kept at hand. */
const cachedKeys = 1_000;

/** Seals and opens the secrets of one account's users. */
export class Sealer {
  readonly #storeKey: KeyObject;
  readonly #aliasKey: KeyObject;
  readonly #hidingKey: KeyObject;
  readonly #account: string;
  readonly #others = new Map<string, KeyObject>();
  #own: { readonly salt: Buffer; readonly key: KeyObject } | null = null;
  #seals = 0;
  #nonces: Buffer = Buffer.alloc(0);

  /** `storeKey`: 32 bytes. */
  constructor(storeKey: Uint8Array, account: string) {
    this.#storeKey = createSecretKey(storeKey);
    const { alias, hiding } = namingKeys(this.#storeKey);
    this.#aliasKey = alias;
    this.#hidingKey = hiding;
    this.#account = account;
  }

  /**
   * The user's name in logs and messages: ids are often e-mail addresses, so they do not stand there.
   * The same user has the same alias as long as the store lives.
   */
  alias(user: string): string {
    return `#${createHmac("sha256", this.#aliasKey).update(user).digest("hex").slice(0, 10)}`;
  }

  /** The key of the user's record in a store that hides ids: 43 characters, the same as long as the store lives. */
  hidden(user: string): string {
    return createHmac("sha256", this.#hidingKey).update(user).digest("base64url");
  }

  /** A name for a client secret that says nothing about it, the same for every process that knows both. */
  fingerprint(secret: string): string {
    return createHmac("sha256", this.#aliasKey)
      .update("client secret")
      .update(secret)
      .digest("hex")
      .slice(0, 16);
  }

  /** The sealed form; `null` for no secrets. */
  seal(user: string, secrets: Secrets): Sealed | null {
    const fields = names.filter((name) => secrets[name] !== undefined);
    if (fields.length === 0) return null;
    const { salt, key } = this.#ownKey();
    const nonce = this.#nonce();
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    cipher.setAAD(this.#boundTo(user, fields));
    const plain = JSON.stringify(fields.map((name) => secrets[name]?.reveal()));
    const sealed = cipher.update(plain, "utf8");
    const rest = cipher.final();
    const text = Buffer.concat([salt, nonce, cipher.getAuthTag(), sealed, rest]).toString("base64");
    return { fields, text };
  }

  /** @throws {LifecycleError} `RECORD_DAMAGED` if it was not sealed for this user, account and fields, or was changed */
  open(user: string, sealed: Sealed | null): Secrets {
    if (sealed === null) return {};
    try {
      const bytes = Buffer.from(sealed.text, "base64");
      const nonce = bytes.subarray(saltBytes, saltBytes + nonceBytes);
      const start = saltBytes + nonceBytes + tagBytes;
      const decipher = createDecipheriv("aes-256-gcm", this.#keyOf(bytes.subarray(0, saltBytes)), nonce, {
        authTagLength: tagBytes,
      });
      decipher.setAAD(this.#boundTo(user, sealed.fields));
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
        `Cannot open the secrets of user ${this.alias(user)}: they were sealed for another user or store, or were changed`,
      );
    }
  }

  #boundTo(user: string, fields: readonly string[]): Buffer {
    return Buffer.from(JSON.stringify([1, this.#account, user, fields]));
  }

  /** Fresh random bytes, fetched for many nonces at a time: asking the system costs more than sealing. */
  #nonce(): Buffer {
    if (this.#nonces.length < nonceBytes) this.#nonces = randomBytes(nonceBytes * 256);
    const nonce = this.#nonces.subarray(0, nonceBytes);
    this.#nonces = this.#nonces.subarray(nonceBytes);
    return nonce;
  }

  #ownKey(): { readonly salt: Buffer; readonly key: KeyObject } {
    if (this.#own === null || this.#seals >= sealsPerKey) {
      const salt = randomBytes(saltBytes);
      this.#own = { salt, key: derive(this.#storeKey, salt, "oneup-lifecycle data key") };
      this.#seals = 0;
    }
    this.#seals++;
    return this.#own;
  }

  #keyOf(salt: Buffer): KeyObject {
    const name = salt.toString("latin1");
    let key = this.#others.get(name);
    if (key === undefined) {
      key = derive(this.#storeKey, salt, "oneup-lifecycle data key");
      if (this.#others.size >= cachedKeys) this.#others.clear();
      this.#others.set(name, key);
    }
    return key;
  }
}

/**
 * The keys that name users, without and with a way back to the record. They come from a key that never changes while
 * the store lives, whatever becomes of those that seal: with another one nobody would be found again.
 */
function namingKeys(from: KeyObject): { readonly alias: KeyObject; readonly hiding: KeyObject } {
  const none = Buffer.alloc(0);
  return {
    alias: derive(from, none, "oneup-lifecycle alias"),
    hiding: derive(from, none, "oneup-lifecycle hidden id"),
  };
}

function derive(from: KeyObject, salt: Uint8Array, purpose: string): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync("sha256", from, salt, purpose, 32)));
}
