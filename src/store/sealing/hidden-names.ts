/**
 * How a store speaks of users whom it must not name: an HMAC of the id, and the id sealed for whoever keeps the key.
 *
 * Both come from the key of names, which stays the same as long as the store lives, whatever becomes of the keys that
 * seal secrets: with another one nobody would be found again. The nonce is drawn from what is sealed (a synthetic
 * initialisation vector), so no number of writes wears the key out, and the same id has the same sealed form, which
 * tells no more than that the record is the same user's.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { LifecycleError } from "../errors.ts";

const nonceBytes = 12;
const tagBytes = 16;

/** Names that are kept at hand: computing one costs as much as a load, sealing an id half a commit. */
const cachedNames = 10_000;

/** `sealedId`: `null` until somebody writes. */
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

  /** `names`: the key of names, 32 bytes. */
  constructor(names: Uint8Array, account: string) {
    this.#account = account;
    this.#hidingKey = derived(names, "oneup-lifecycle hidden id");
    this.#nonceKey = derived(names, "oneup-lifecycle hidden id nonce");
    this.#sealingKey = derived(names, "oneup-lifecycle sealed id");
  }

  /** What the user's record stands under: 43 characters, 256 bits. */
  key(id: string): string {
    return this.#named(id).key;
  }

  /** The id as it stands in its own record. */
  sealedId(id: string): string {
    const named = this.#named(id);
    return (named.sealedId ??= this.#sealFor(named.key, id));
  }

  /** An id as it may stand in the record of `owner`, another user or the same: it opens there and nowhere else. */
  seal(owner: string, id: string): string {
    return this.#sealFor(this.key(owner), id);
  }

  /** @throws {LifecycleError} `RECORD_DAMAGED` if it was not sealed for `owner`, or was changed */
  open(owner: string, text: string): string {
    return this.openUnder(this.key(owner), text);
  }

  /** The id that was sealed for the record under `key`. @throws {LifecycleError} as {@link open} */
  openUnder(key: string, text: string): string {
    try {
      const bytes = Buffer.from(text, "base64");
      const start = nonceBytes + tagBytes;
      const decipher = createDecipheriv("aes-256-gcm", this.#sealingKey, bytes.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(this.#boundTo(key));
      decipher.setAuthTag(bytes.subarray(nonceBytes, start));
      return decipher.update(bytes.subarray(start)).toString("utf8") + decipher.final("utf8");
    } catch {
      throw new LifecycleError(
        "RECORD_DAMAGED",
        "Cannot open a hidden id: it must be one that was sealed for this record, and was sealed for another or changed",
      );
    }
  }

  #named(id: string): Named {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const named = {
      key: createHmac("sha256", this.#hidingKey).update(id).digest("base64url"),
      sealedId: null,
    };
    if (this.#known.size >= cachedNames) this.#known.clear();
    this.#known.set(id, named);
    return named;
  }

  #sealFor(key: string, id: string): string {
    const bound = this.#boundTo(key);
    const nonce = createHmac("sha256", this.#nonceKey)
      .update(bound)
      .update(id)
      .digest()
      .subarray(0, nonceBytes);
    const cipher = createCipheriv("aes-256-gcm", this.#sealingKey, nonce);
    cipher.setAAD(bound);
    const sealed = Buffer.concat([cipher.update(id, "utf8"), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64");
  }

  #boundTo(key: string): Buffer {
    return Buffer.from(JSON.stringify(["hidden id", this.#account, key]));
  }
}

function derived(names: Uint8Array, purpose: string): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync("sha256", names, Buffer.alloc(0), purpose, 32)));
}
