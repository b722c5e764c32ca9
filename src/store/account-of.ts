/**
 * The name of an account in a store.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** One client id, one account: users, limit and keys of different client ids never meet, even in one store. */
export function accountOf(clientId: string): string {
  return createHash("sha256")
    .update("oneup-lifecycle account")
    .update(clientId)
    .digest("base64url")
    .slice(0, 16);
}
