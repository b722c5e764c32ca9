/**
 * The check of the option `encryption`.
 *
 * @module
 */
import { invalidOption, keyRefused } from "../../errors.ts";
import type { StoreAdapter } from "../../store/contract.ts";
import { isInside, type Encryption } from "../../store/sealing/keys.ts";
import { isObject, withMethods, type Rule } from "../../checks.ts";
import { isBytes } from "../../realms.ts";

const areKeys = (keys: unknown): boolean =>
  Array.isArray(keys) && keys.every((key: unknown) => typeof key === "string" || isBytes(key));
const forms: readonly Pick<Rule, "holds">[] = [
  withMethods("ring"),
  withMethods("wrap", "unwrap"),
  { holds: (value) => isObject(value) && areKeys(value["keys"]) },
];

/** The encryption to use, which a store that outlives the process needs. @throws {LifecycleError} `INVALID_OPTION`, `KEY_REFUSED` */
export function checkEncryption(
  verb: string,
  encryption: Encryption | undefined,
  store: StoreAdapter,
): Encryption | undefined {
  if (encryption === undefined) {
    if (!store.durable) return undefined;
    throw keyRefused(
      `Cannot ${verb}: the ${store.name} store keeps tokens on disk, so it needs encryption, e.g. keyFile("./lifecycle.key"), or ONEUP_KEY_FILE for fromEnv()`,
      { facts: { option: "encryption" } },
    );
  }
  const rule = "keyFile(…), { keys: […] } with texts or bytes, or a key provider with wrap() and unwrap()";
  // Without the value, which may be a key.
  if (!forms.some((form) => form.holds(encryption)))
    throw invalidOption(`Cannot ${verb}: encryption must be ${rule}`);
  const path = "ring" in encryption ? encryption.path : undefined;
  if (path !== undefined && store.folder !== undefined && isInside(store.folder, path)) {
    throw invalidOption(
      `Cannot ${verb}: the key file must be outside the store's folder, or every copy of the store includes its key: ${path}`,
    );
  }
  return encryption;
}
