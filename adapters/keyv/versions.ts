/**
 * The versions of Keyv. Keyv 6 composes keys and encodes values differently, so on its own it would not find anything
 * that Keyv 5 wrote, and every user would appear to be missing. So what a Keyv 6 was given is used as Keyv 5 would use
 * it: its storage, its namespace and its encoding, but not the Keyv itself.
 *
 * @module
 */
import {
  type CompressionAdapter,
  type DeserializedData,
  Keyv,
  type KeyvOptions,
  type KeyvStoreAdapter,
} from "keyv";
import { invalidOption, type LifecycleError } from "../../src/errors.ts";
import { hasPrivateFields } from "./own-namespace.ts";

/** A storage adapter of Keyv 6: the members that are used here. */
export interface Keyv6Storage {
  namespace?: string | undefined;
  readonly get: (key: string) => Promise<unknown>;
  readonly set: (key: string, value: unknown, expires?: number) => Promise<boolean>;
  readonly delete: (key: string) => Promise<boolean>;
  readonly clear: () => Promise<void>;
  readonly iterator?: (() => AsyncGenerator<readonly unknown[], void>) | undefined;
}

/** A Keyv 6: the members that are used here. */
export interface Keyv6 {
  readonly namespace: string | undefined;
  readonly store: Keyv6Storage;
  readonly serialization: { stringify(value: unknown): unknown; parse(text: string): unknown } | undefined;
  readonly compression:
    | { compress(text: string): Promise<string>; decompress(text: string): Promise<string> }
    | undefined;
  readonly encryption:
    | { encrypt(text: string): string | Promise<string>; decrypt(text: string): string | Promise<string> }
    | undefined;
  readonly sanitize: { readonly keys: object };
  readonly hooks: { readonly size: number };
  readonly checkExpired: boolean;
}

/** How values are encoded: options of a Keyv 5. */
export type Encoding = {
  -readonly [Option in "serialize" | "deserialize" | "compression"]?: KeyvOptions[Option] | undefined;
};

/** What the application has given. */
export interface Given {
  /** A Keyv 5, which is used itself. */
  readonly keyv?: Keyv;
  readonly storage: KeyvStoreAdapter;
  readonly namespace: string | undefined;
  readonly encoding: Encoding;
}

/** Members that every Keyv 5 has and no other version has. */
const ofFive = ["useKeyPrefix", "throwOnErrors"] as const;
/** Members that every Keyv 6 has and no other version has. */
const ofSix = ["checkExpired", "sanitize", "serialization", "encode", "decode"] as const;
/** Members of a Keyv of any version that no storage adapter has. Class names do not survive bundling. */
const ofKeyv = ["setRaw", "getRaw", "serialization", "checkExpired", "_getKeyPrefix"] as const;
/** Members of the caches of the package cacheable. */
const ofCacheable = ["primary", "nonBlocking"] as const;
/** Members of the adapters in which Keyv 6 wraps a Map, or a storage adapter made for Keyv 5. */
const ofWrapper = ["capabilities", "getKeyPrefixData", "store"] as const;

/**
 * Finds out what was given, without changing anything about it.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if it cannot be used
 */
export function recognised(given: unknown): Given {
  if (given instanceof Keyv || has(given, ofFive)) {
    const keyv = given as Keyv; // or an instance from another copy of Keyv
    if (has(keyv.store, ["capabilities"]))
      throw refused(
        "a storage adapter of Keyv 6 does not work beneath a Keyv 5",
        "pass the storage adapter itself, or give it to a Keyv 6",
      );
    const { namespace, serialize, deserialize, compression } = keyv;
    const storage = keyv.store as KeyvStoreAdapter; // part of Keyv's adapter contract
    return { keyv, storage, namespace, encoding: { serialize, deserialize, compression } };
  }
  if (!has(given, ofSix)) {
    if (has(given, ofCacheable))
      throw refused(
        "a Cacheable is a cache, which may drop entries",
        "pass a Keyv on a storage that keeps them",
      );
    if (ofKeyv.some((name) => has(given, [name])))
      throw refused(
        "it must be from Keyv 5 or 6, and this Keyv is from another version",
        "install keyv@^5.6 or keyv@^6.1 and storage adapters for it, or use lmdb(), redis() or postgres(), which do not " +
          "need a Keyv instance",
      );
    const { namespace } = given as KeyvStoreAdapter; // Keyv checks it
    return { storage: unwrapped(given), namespace, encoding: {} };
  }
  const six = given as unknown as Keyv6; // it has the members of one
  const storage = unwrapped(six.store);
  const { namespace } = six;
  if (Object.values(six.sanitize.keys).includes(true))
    throw refused(
      "this Keyv 6 removes characters from keys, so two users could become one",
      "pass a Keyv without sanitize.keys",
    );
  if (six.hooks.size > 0)
    throw refused(
      "the hooks of this Keyv 6 would not run",
      "pass a Keyv without hooks, and give encodings as serialization, compression or encryption",
    );
  if (six.encryption !== undefined && six.serialization === undefined)
    throw refused("this Keyv 6 encrypts only what it serialises", "pass one whose serialization is not off");
  const ofStorage = namespace ?? "keyv";
  if (has(storage, ["namespace"]) && storage.namespace !== ofStorage && hasPrivateFields(storage))
    throw refused(
      "its storage adapter has private fields and another namespace",
      `set the namespace of the storage adapter itself to "${ofStorage}"`,
    );
  return { storage, namespace, encoding: encodingOf(six) };
}

/** The Map or the storage adapter of the application, without what Keyv 6 has wrapped it in. */
function unwrapped(storage: unknown): KeyvStoreAdapter {
  if (has(storage, ofWrapper)) return unwrapped(storage.store);
  if (has(storage, ofFive) || has(storage, ofSix))
    throw refused("a Keyv does not work beneath a Keyv", "pass the inner one itself");
  return storage as KeyvStoreAdapter; // Keyv checks it
}

/** The encoding of a Keyv 6 in the form of Keyv 5, which compresses the value and not the whole text. */
function encodingOf({ serialization, compression, encryption }: Keyv6): Encoding {
  const options: Encoding = {};
  if (compression !== undefined) options.compression = compression as CompressionAdapter; // texts are the only values here
  if (serialization === undefined) return { ...options, serialize: undefined }; // stored as it is; a text is still read as one
  return {
    ...options,
    async serialize(data) {
      const text = String(await serialization.stringify(data));
      return encryption === undefined ? text : encryption.encrypt(text);
    },
    async deserialize<T>(text: string) {
      const plain = encryption === undefined ? text : await encryption.decrypt(text);
      return (await serialization.parse(plain)) as DeserializedData<T>; // what stringify() was given
    },
  };
}

function has<Name extends string>(value: unknown, names: readonly Name[]): value is Record<Name, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    !(value instanceof Map) &&
    names.every((name) => name in value)
  );
}

function refused(rule: string, remedy: string): LifecycleError {
  return invalidOption(`Cannot use a Keyv store: ${rule}: ${remedy}`);
}
