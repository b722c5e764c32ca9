/**
 * The keys an application holds, and the store key they wrap.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { LifecycleError } from "../errors.ts";
import type { Json, Store } from "./contract.ts";
import { format } from "./envelope.ts";
import { checkHiding } from "./hidden-ids.ts";

/** A key of the ring: 32 bytes, known by an id that says nothing about it. */
export interface RingKey {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** Where the ring comes from. */
export interface KeySource {
  /** The file the key stands in, if it does. */
  readonly path?: string;
  /** The ring, newest key first. `storeIsNew`: nothing was sealed yet, so a key may be made. */
  ring(storeIsNew: boolean): readonly RingKey[];
}

/** What `encryption` accepts: {@link keyFile}, or keys of your own, newest first. */
export type Encryption = KeySource | { readonly keys: readonly (string | Uint8Array)[] };

/**
 * A key in a file of its own (mode 0600), made on the first start with an empty store. Keep it outside the store's
 * folder and in a backup of its own: without it nobody opens the tokens again.
 *
 * @throws {LifecycleError} on opening: `KEY_REFUSED` if the file is missing though the store is not empty, or unreadable
 */
export function keyFile(path: string): KeySource {
  if (typeof path !== "string" || path === "") {
    throw new LifecycleError("INVALID_OPTION", "Cannot use a key file: its path must be a file name");
  }
  const file = resolve(path);
  return {
    path: file,
    ring(storeIsNew) {
      const found = readIfThere(file);
      if (found === null && !storeIsNew) {
        throw new LifecycleError(
          "KEY_REFUSED",
          `Cannot open the store: it was written with a key, and the key file is missing: ${file}`,
        );
      }
      return [parseKey(found ?? makeKeyFile(file), file)];
    },
  };
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return null;
    throw new LifecycleError("KEY_REFUSED", `Cannot read the key file: it must be a readable file: ${file}`, {
      cause,
    });
  }
}

/** Writes a new key beside its place and links it in, so that of several processes one wins and none reads half a key. */
function makeKeyFile(file: string): string {
  const draft = `${file}.${randomBytes(6).toString("hex")}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(draft, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600, flag: "wx" });
    try {
      linkSync(draft, file);
      chmodSync(file, 0o600);
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
    } finally {
      rmSync(draft);
    }
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new LifecycleError("KEY_REFUSED", `Cannot make a key file: its folder must be writable: ${file}`, {
      cause,
    });
  }
}

function parseKey(key: string | Uint8Array, where: string): RingKey {
  const bytes = typeof key === "string" ? fromText(key.trim()) : key;
  if (bytes.length !== 32) {
    throw new LifecycleError(
      "KEY_REFUSED",
      `Cannot use the key of ${where}: a key is 32 bytes, as base64 or 64 hexadecimal digits, and this has ${bytes.length} bytes`,
    );
  }
  const id = createHash("sha256").update("oneup-lifecycle key id").update(bytes).digest("hex").slice(0, 12);
  return { id, bytes };
}

function fromText(text: string): Uint8Array {
  return Buffer.from(text, /^[0-9a-f]{64}$/i.test(text) ? "hex" : "base64");
}

function ringOf(encryption: Encryption, storeIsNew: boolean): readonly RingKey[] {
  const ring =
    "ring" in encryption
      ? encryption.ring(storeIsNew)
      : encryption.keys.map((key, index) => parseKey(key, `encryption.keys[${index}]`));
  if (ring.length === 0) {
    throw new LifecycleError("INVALID_OPTION", "Cannot use encryption: keys must hold at least one key");
  }
  return ring;
}

/**
 * The format of the account's record where ids are hidden. Releases of format 1 know nothing of that: they would find
 * nobody, and create everybody again. So they refuse to open it.
 */
const hiddenFormat = 2;

/**
 * The store key: made and wrapped by the newest ring key on the first opening, unwrapped on every later one.
 *
 * @throws {LifecycleError} `KEY_REFUSED` if no key of the ring opens this store; `INVALID_OPTION` if it was begun with
 * the other setting of `hideIds`
 */
export async function openStoreKey(
  store: Pick<Store, "account">,
  account: string,
  encryption: Encryption,
  writeId: string,
  hideIds = false,
): Promise<Uint8Array> {
  for (;;) {
    const found = await store.account.load();
    const ring = ringOf(encryption, found === null);
    if (found !== null) {
      const storeKey = unwrap(found.value, account, ring);
      checkHiding(found.value, hideIds);
      return storeKey;
    }
    const newest = ring[0] as RingKey; // ringOf() refuses an empty ring
    const storeKey = randomBytes(32);
    const value = {
      ...(hideIds ? { format: hiddenFormat, hideIds } : { format }),
      storeKey: { by: newest.id, wrapped: wrap(storeKey, account, newest) },
    };
    if (await store.account.commit({ value, expectedRevision: 0, writeId })) return storeKey;
  }
}

function wrap(storeKey: Uint8Array, account: string, by: RingKey): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", by.bytes, nonce);
  cipher.setAAD(Buffer.from(JSON.stringify(["store key", account])));
  const sealed = Buffer.concat([cipher.update(storeKey), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64");
}

function unwrap(value: Json, account: string, ring: readonly RingKey[]): Uint8Array {
  const record = value as { format?: unknown; storeKey?: { by?: unknown; wrapped?: unknown } } | null; // checked field by field
  if (typeof record?.format === "number" && record.format > hiddenFormat) {
    throw new LifecycleError(
      "RECORD_TOO_NEW",
      `Cannot open the store: its account has format ${record.format}, this release knows formats up to ${hiddenFormat}; update oneup-lifecycle`,
    );
  }
  const by = record?.storeKey?.by;
  const wrapped = record?.storeKey?.wrapped;
  if (typeof by !== "string" || typeof wrapped !== "string") {
    throw new LifecycleError(
      "RECORD_DAMAGED",
      "Cannot open the store: the account's record holds no store key",
    );
  }
  const key = ring.find(({ id }) => id === by);
  if (key === undefined) {
    const given = ring.map(({ id }) => id).join(", ");
    throw new LifecycleError(
      "KEY_REFUSED",
      `Cannot open the store: it was written with key ${by}, and the keys given are ${given}; nothing was changed`,
      { facts: { storeKey: by } },
    );
  }
  try {
    const bytes = Buffer.from(wrapped, "base64");
    const decipher = createDecipheriv("aes-256-gcm", key.bytes, bytes.subarray(0, 12), { authTagLength: 16 });
    decipher.setAAD(Buffer.from(JSON.stringify(["store key", account])));
    decipher.setAuthTag(bytes.subarray(12, 28));
    return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]);
  } catch {
    throw new LifecycleError(
      "RECORD_DAMAGED",
      `Cannot open the store: its store key does not open with key ${by}`,
    );
  }
}
