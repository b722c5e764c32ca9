/**
 * Tokens that a page sends with each action: they prove that the inspector's own page sends it, in the session that asked
 * for the token.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHmac, createSecretKey, randomBytes, timingSafeEqual } from "node:crypto";
import type { Lifecycle } from "../../index.ts";
import { internalsOf } from "../../runtime/internals.ts";
import type { Person } from "./permission.ts";

/** A token lasts until the end of the next period, ms. */
const periodMs = 12 * 3_600_000;

/** Tokens by a key of the lifecycle's store, so that they are good in each process with it. */
export function pageTokens(lifecycle: Lifecycle, now: () => number) {
  const key = internalsOf(lifecycle)?.key("inspector page token") ?? createSecretKey(randomBytes(32));
  const digest = (person: Person, period: number): Uint8Array =>
    createHmac("sha256", key)
      .update(JSON.stringify([period, person.session]))
      .digest();
  const period = (): number => Math.floor(now() / periodMs);
  return {
    of: (person: Person): string => Buffer.from(digest(person, period())).toString("base64url"),
    /** Whether the token was made for this person's session, less than a day ago. */
    isOf(token: string | null, person: Person): boolean {
      const given = Buffer.from(token ?? "", "base64url");
      const isSame = (made: Uint8Array): boolean =>
        made.length === given.length && timingSafeEqual(made, given);
      return [0, 1].some((ago) => isSame(digest(person, period() - ago)));
    },
  };
}
