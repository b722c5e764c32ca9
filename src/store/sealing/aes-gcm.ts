/**
 * AES-256-GCM, as all sealed texts use it: the nonce (12 bytes), the tag (16), the ciphertext. What is sealed is bound to
 * a text, without which it does not open.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, type CipherKey } from "node:crypto";

export const nonceBytes = 12;
const tagBytes = 16;

/** The parts of the sealed form, in order. A nonce must not be used for another text under the same key. */
export function encrypt(
  key: CipherKey,
  nonce: Uint8Array,
  plain: Uint8Array,
  bound: string,
): readonly Uint8Array[] {
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(Buffer.from(bound));
  const sealed = cipher.update(plain);
  cipher.final(); // computes the tag, and returns nothing more in this mode
  return [nonce, cipher.getAuthTag(), sealed];
}

/** The plaintext. @throws if it was sealed with another key or bound to another text, or was altered */
export function decrypt(key: CipherKey, bytes: Uint8Array, bound: string): Buffer {
  const start = nonceBytes + tagBytes;
  const options = { authTagLength: tagBytes };
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, nonceBytes), options);
  decipher.setAAD(Buffer.from(bound));
  decipher.setAuthTag(bytes.subarray(nonceBytes, start));
  const plain = decipher.update(bytes.subarray(start));
  decipher.final(); // verifies the tag, and returns nothing more in this mode
  return plain;
}
