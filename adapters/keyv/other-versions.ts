/**
 * Detects versions of Keyv other than 5. Keyv 6 composes keys and writes values differently, so it would not find
 * anything that Keyv 5 wrote, and every user would appear to be missing.
 *
 * @module
 */
import { LifecycleError } from "../../src/errors.ts";

/** Members that every Keyv 5 has and no other version has. */
const ofFive = ["useKeyPrefix", "throwOnErrors"] as const;
/** Members of a Keyv of any version that no storage adapter has. Class names do not survive bundling. */
const ofKeyv = ["setRaw", "getRaw", "serialization", "checkExpired", "_getKeyPrefix"] as const;
/** The member in which a Keyv 6 storage adapter declares its features. */
const ofNewAdapter = "capabilities";

/**
 * Checks a Keyv or a storage adapter, and the store beneath it, without changing anything.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if it is not from Keyv 5
 */
export function refuseOtherVersions(store: unknown): void {
  if (typeof store !== "object" || store === null || store instanceof Map) return;
  if (ofFive.every((name) => name in store))
    return refuseOtherVersions("store" in store ? store.store : null);
  const isKeyv = ofKeyv.some((name) => name in store);
  if (!isKeyv && !(ofNewAdapter in store)) return;
  throw new LifecycleError(
    "INVALID_OPTION",
    `Cannot use a Keyv store: it must be from Keyv 5, and this ${isKeyv ? "Keyv" : "storage adapter"} is from another version ` +
      "(Keyv 6 does not find what Keyv 5 wrote): install keyv@^5.6 and storage adapters for it, or use lmdb(), redis() " +
      "or postgres(), which do not need a Keyv instance",
  );
}
