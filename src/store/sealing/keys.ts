/**
 * The keys an application holds: a list, a file, or a key service.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import process from "node:process";
import { LifecycleError } from "../errors.ts";

/** A key of the ring: 32 bytes, known by an id that says nothing about it. */
export interface RingKey {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** Where the ring comes from. It is asked again when another process has wrapped with a key that was not there yet. */
export interface KeySource {
  /** The file the keys stand in, if they do. */
  readonly path?: string;
  /**
   * The ring, newest key first. `storeIsNew`: nothing was sealed yet, so a key may be made. `warn` is told what is
   * unsafe and works all the same.
   */
  ring(storeIsNew: boolean, warn?: (message: string) => void): readonly RingKey[];
}

/** A wrapped key, and the id of the key that wrapped it. */
export interface WrappedKey {
  /** Names the wrapping key, e.g. its ARN: it stands in clear in the store, so that a process knows whom to ask. */
  readonly by: string;
  readonly wrapped: Uint8Array;
}

/**
 * Keys that never leave a key service (AWS KMS, Google Cloud KMS, Vault transit, …): two methods, no package. They are
 * asked on opening and when keys change, never for a user. An answer has 10 s; a promise that rejects is a retryable
 * `KEY_REFUSED`, unless it rejects with a {@link LifecycleError} of its own, and nothing was changed.
 */
export interface KeyProvider {
  /**
   * Wraps 32 bytes with the newest key. `context` says what is wrapped and for whom: pass it as additional
   * authenticated data (AWS calls it the encryption context), so that it opens in its own place only.
   */
  wrap(key: Uint8Array, context: string): Promise<WrappedKey>;
  /** Unwraps what {@link wrap} gave for the same `context`, with the key `by`, be it an older one. */
  unwrap(wrapped: WrappedKey, context: string): Promise<Uint8Array>;
}

/**
 * What `encryption` accepts: {@link keyFile}, keys of your own, newest first, or a {@link KeyProvider}. A key is 32 bytes,
 * as they are, as base64 or as 64 hexadecimal digits.
 */
export type Encryption = KeySource | { readonly keys: readonly (string | Uint8Array)[] } | KeyProvider;

/**
 * Keys in a file, newest first, one a line. The first one is made on the first start with an empty store (mode 0600).
 * Keep it outside the store's folder and in a backup of its own: without it nobody opens the tokens again.
 *
 * A file that others than its owner may read is used with a warning: that is how Kubernetes and Docker mount secrets.
 * To rotate, put a new key (`openssl rand -base64 32`) on a line before the old one and call `lifecycle.rewrap()`.
 *
 * @throws {LifecycleError} on opening: `KEY_REFUSED` if the file is missing though the store is not empty, or unreadable
 * @example
 * ```ts
 * import { createLifecycle, keyFile } from "oneup-lifecycle";
 * import { lmdb } from "oneup-lifecycle/adapters/lmdb";
 *
 * const lifecycle = await createLifecycle({
 *   credentials: { clientId: "clientidclientid", clientSecret: "clientsecretclientsecret" },
 *   store: lmdb("./users/lifecycle"),
 *   encryption: keyFile("./users/lifecycle.key"),
 * });
 * await lifecycle.close();
 * ```
 */
export function keyFile(path: string): KeySource {
  if (typeof path !== "string" || path === "") {
    throw new LifecycleError("INVALID_OPTION", "Cannot use a key file: its path must be a file name");
  }
  const file = resolve(path);
  return {
    path: file,
    ring(storeIsNew, warn) {
      const found = readIfThere(file);
      if (found === null && !storeIsNew) {
        throw new LifecycleError(
          "KEY_REFUSED",
          `Cannot open the store: it was written with a key, and the key file is missing: ${file}`,
        );
      }
      if (found !== null && storeIsNew) namesToDiskIfPossible(dirname(file));
      const lines = (found ?? makeKeyFile(file)).trim().split(/\s*\n\s*/);
      if (isOpenToOthers(file)) {
        warn?.(`The key file can be read by others than its owner; its mode should be 0600: ${file}`);
      }
      return lines.map((line, index) => parseKey(line, index === 0 ? file : `${file}, line ${index + 1}`));
    },
  };
}

/** Windows has no such modes. */
function isOpenToOthers(file: string): boolean {
  return process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0;
}

/** Does the file stand in the folder, or in one below it, whatever links lead there? */
export function isInside(folder: string, file: string): boolean {
  const way = relative(real(folder), real(file));
  return way !== "" && !isAbsolute(way) && !/^\.\.(?:[\\/]|$)/.test(way);
}

/** The path without links, as far as it exists already. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : join(real(above), basename(path));
  }
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

/**
 * Writes a new key beside its place and links it in, so that of several processes one wins and none reads half a key.
 * Whoever gets the key will wrap with it at once, so it and its name are on disk before: a power cut that kept the store
 * and lost the key would lose every user.
 */
function makeKeyFile(file: string): string {
  const folder = dirname(file);
  const draft = `${file}.${randomBytes(6).toString("hex")}`;
  try {
    const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(draft, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600, flag: "wx" });
    try {
      toDisk(draft, "r+");
      linkSync(draft, file);
      chmodSync(file, 0o600);
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
    } finally {
      rmSync(draft);
    }
    // By those that lost as well: the winner may not have come so far yet.
    for (const each of foldersOf(folder, made)) namesToDisk(each);
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new LifecycleError("KEY_REFUSED", `Cannot make a key file: its folder must be writable: ${file}`, {
      cause,
    });
  }
}

/** The folder, and if folders had to be made, `made` being the topmost, all up to the one that `made` stands in. */
function foldersOf(folder: string, made: string | undefined): readonly string[] {
  const above = dirname(folder);
  if (made === undefined || folder === dirname(made) || folder === above) return [folder];
  return [folder, ...foldersOf(above, made)];
}

/** The names in a folder. Windows has no such thing. */
function namesToDisk(folder: string): void {
  if (process.platform !== "win32") toDisk(folder, "r");
}

/** For a file that was found: another process may have linked it a moment ago. Where it is, we may not look. */
function namesToDiskIfPossible(folder: string): void {
  try {
    namesToDisk(folder);
  } catch {} // as with secrets that are mounted
}

function toDisk(path: string, flags: "r" | "r+"): void {
  const descriptor = openSync(path, flags);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function parseKey(key: string | Uint8Array, where: string): RingKey {
  // A copy: what the application makes of its own bytes later, such as wiping them, changes nothing here.
  const bytes = typeof key === "string" ? fromText(key.trim()) : Uint8Array.from(key);
  if (bytes?.length !== 32) {
    const found = bytes === null ? "is neither" : `has ${bytes.length} bytes`;
    throw new LifecycleError(
      "KEY_REFUSED",
      `Cannot use the key of ${where}: a key is 32 bytes, as base64 or 64 hexadecimal digits, and this ${found}`,
    );
  }
  const id = createHash("sha256").update("oneup-lifecycle key id").update(bytes).digest("hex").slice(0, 12);
  return { id, bytes };
}

/** `null` if it is neither: read leniently, a passphrase or a mistyped key would be a key, too, and a weak one. */
function fromText(text: string): Uint8Array | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, "hex");
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : null;
}

/** The same, with keys of your own read once, at the opening. @throws {LifecycleError} as {@link ringOf} */
export function readOnce(encryption: Encryption): KeySource | KeyProvider {
  if (!("keys" in encryption)) return encryption;
  const ring = ringOf(encryption, false);
  return { ring: () => ring };
}

/** The ring of a source or a list, newest key first. @throws {LifecycleError} `KEY_REFUSED`, `INVALID_OPTION` */
export function ringOf(
  encryption: Exclude<Encryption, KeyProvider>,
  storeIsNew: boolean,
  warn?: (message: string) => void,
): readonly RingKey[] {
  const ring =
    "ring" in encryption
      ? encryption.ring(storeIsNew, warn)
      : encryption.keys.map((key, index) => parseKey(key, `encryption.keys[${index}]`));
  if (ring.length === 0) {
    throw new LifecycleError("INVALID_OPTION", "Cannot use encryption: keys must hold at least one key");
  }
  return ring;
}
