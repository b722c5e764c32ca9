/**
 * Derives the name of an account in a store.
 *
 * @module
 */
import { createHash } from "node:crypto";

/**
 * Each client id has its own account: users, limits and keys of different client ids are separate, even in one store.
 */
export function accountOf(clientId: string): string {
  return createHash("sha256")
    .update("oneup-lifecycle account")
    .update(clientId)
    .digest("base64url")
    .slice(0, 16);
}
