/**
 * Encrypts the secrets of a user, as each program with a durable record must.
 *
 * @module
 */
import { createCipheriv, randomBytes } from "node:crypto";

const key = randomBytes(32);

/** @param {string} id @param {object} secrets */
export function sealed(id, secrets) {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(id));
  const text = [cipher.update(JSON.stringify(secrets)), cipher.final()];
  return Buffer.concat([nonce, ...text, cipher.getAuthTag()]).toString("base64url");
}
