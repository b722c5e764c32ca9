/**
 * Keys that name a user in an address: the id, sealed. The same id has the same key in every process with this store, so
 * that an address works after a restart; a key reveals nothing but that two of them name the same user.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHmac, createSecretKey, randomBytes, type KeyObject } from "node:crypto";
import type { Lifecycle } from "../index.ts";
import { internalsOf } from "../runtime/internals.ts";
import { decrypt, encrypt } from "../store/sealing/aes-gcm.ts";

/** What a sealed id is for: one that was sealed for another purpose does not open. */
export type Purpose = "user" | "cursor";

/** Seals and opens ids. */
export type SealedIds = ReturnType<typeof sealedIds>;

/** A key is padded to a multiple of so many characters, so that its length tells little about the id's. */
const blockLength = 32;
/** Ids contain no control characters. */
const padding = "\0";
/** No key is longer: an id has 512 bytes at most. */
const longestKey = 1_000;
const nonceBytes = 12;

/** Seals ids with a key of the lifecycle's store, or else with one of its own, which ends with this process. */
export function sealedIds(lifecycle: Lifecycle) {
  const inside = internalsOf(lifecycle);
  const own = (): KeyObject => createSecretKey(randomBytes(32));
  const sealing = inside?.key("inspector id") ?? own();
  const nonces = inside?.key("inspector id nonce") ?? own();

  /** Derived from the text, so that no two texts share one, however many are sealed. */
  function nonceOf(bound: string, plain: Uint8Array): Uint8Array {
    return createHmac("sha256", nonces).update(bound).update(plain).digest().subarray(0, nonceBytes);
  }

  return {
    seal(purpose: Purpose, id: string): string {
      const length = Buffer.byteLength(id);
      const padded = id + padding.repeat((blockLength - (length % blockLength)) % blockLength);
      const plain = Buffer.from(padded);
      const bound = boundTo(purpose);
      return Buffer.concat(encrypt(sealing, nonceOf(bound, plain), plain, bound)).toString("base64url");
    },
    /** The id; `null` if the text was not sealed here for this purpose. */
    open(purpose: Purpose, text: string): string | null {
      if (text.length > longestKey) return null;
      try {
        const plain = decrypt(sealing, Buffer.from(text, "base64url"), boundTo(purpose));
        return plain.toString("utf8").replaceAll(padding, "");
      } catch {
        return null;
      }
    },
  };
}

function boundTo(purpose: Purpose): string {
  return JSON.stringify(["inspector", purpose]);
}
