/**
 * The hidden names of users: an HMAC of the id, and the id sealed for holders of the key.
 *
 * Both are derived from the names key, which never changes during the life of a store, even when the keys that seal
 * secrets do; with another names key no user could be found. The nonce is derived from the plaintext (a synthetic
 * initialisation vector), so the number of writes is not limited by nonce collisions. The same id always has the same
 * sealed form, which reveals only that two records belong to the same user.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHmac, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import { recordDamaged } from "../../errors.ts";
import { decrypt, encrypt, nonceBytes } from "./aes-gcm.ts";
import { cached } from "./cached.ts";

/** Maximum number of cached names: computing one costs as much as a load, sealing an id half as much as a commit. */
const cachedNames = 10_000;

/** User ids contain no control characters. */
const formMark = "\u0002";

/** `sealedId`: `null` until it is needed for a write. */
interface Named {
  readonly key: string;
  sealedId: string | null;
}

/** The hidden names of one account's users. */
export class HiddenNames {
  readonly #account: string;
  readonly #hidingKey: KeyObject;
  readonly #nonceKey: KeyObject;
  readonly #sealingKey: KeyObject;
  readonly #known = new Map<string, Named>();
  /** Opened ids, by the record's key and the sealed text. */
  readonly #opened = new Map<string, string>();

  /** `names`: the names key, 32 bytes. */
  constructor(names: Uint8Array, account: string) {
    this.#account = account;
    this.#hidingKey = derived(names, "oneup-lifecycle hidden id");
    this.#nonceKey = derived(names, "oneup-lifecycle hidden id nonce");
    this.#sealingKey = derived(names, "oneup-lifecycle sealed id");
  }

  /** The key of the user's record: 43 characters, 256 bits. Takes an id, or its {@link form}. */
  key(id: string): string {
    return this.isForm(id) ? id.slice(formMark.length) : this.#named(id).key;
  }

  /** Replaces an id where the id itself must not appear: `key()` returns the same for both. */
  form(id: string): string {
    return this.formOf(this.key(id));
  }

  /** The same for the key of a record. */
  formOf(key: string): string {
    return `${formMark}${key}`;
  }

  /** Whether it is the form of an id, and not an id. */
  isForm(id: string): boolean {
    return id.startsWith(formMark);
  }

  /** The id as stored in its own record. */
  sealedId(id: string): string {
    const named = this.#named(id);
    return (named.sealedId ??= this.#sealFor(named.key, id));
  }

  /** An id sealed for the record of `owner`, the same user or another one. It opens only for that record. */
  seal(owner: string, id: string): string {
    return this.#sealFor(this.key(owner), id);
  }

  /** @throws {LifecycleError} `RECORD_DAMAGED` if it was not sealed for `owner`, or was altered */
  open(owner: string, text: string): string {
    return this.openUnder(this.key(owner), text);
  }

  /** The id that was sealed for the record under `key`. @throws {LifecycleError} as {@link open} */
  openUnder(key: string, text: string): string {
    const under = `${key} ${text}`; // neither contains a space
    return cached(this.#opened, cachedNames, under, () => this.#openAnew(key, text));
  }

  #openAnew(key: string, text: string): string {
    try {
      return decrypt(this.#sealingKey, Buffer.from(text, "base64"), this.#boundTo(key)).toString("utf8");
    } catch {
      throw recordDamaged(
        "Cannot open a hidden id: it must have been sealed for this record, and it was sealed for another or altered",
      );
    }
  }

  #named(id: string): Named {
    return cached(this.#known, cachedNames, id, () => ({
      key: createHmac("sha256", this.#hidingKey).update(id).digest("base64url"),
      sealedId: null,
    }));
  }

  #sealFor(key: string, id: string): string {
    const bound = this.#boundTo(key);
    const nonce = createHmac("sha256", this.#nonceKey)
      .update(bound)
      .update(id)
      .digest()
      .subarray(0, nonceBytes);
    return Buffer.concat(encrypt(this.#sealingKey, nonce, Buffer.from(id), bound)).toString("base64");
  }

  #boundTo(key: string): string {
    return JSON.stringify(["hidden id", this.#account, key]);
  }
}

function derived(names: Uint8Array, purpose: string): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync("sha256", names, Buffer.alloc(0), purpose, 32)));
}
