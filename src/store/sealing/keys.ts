/**
 * The keys that an application holds: a list, a file, or a key service.
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
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, isAbsolute, join, relative } from "node:path";
import process from "node:process";
import { invalidOption, isLifecycleError, type LifecycleError, keyRefused } from "../../errors.ts";
import { absolutePath, makeFolder } from "../make-folder.ts";
import { errorCode } from "../../realms.ts";

/** A key of the ring: 32 bytes, identified by an id that reveals nothing about them. */
export interface RingKey {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** A source of ring keys. It is read again when another process has wrapped with a key that was not in it before. */
export interface KeySource {
  /** The file that contains the keys, if there is one. */
  readonly path?: string;
  /**
   * The ring, newest key first. `storeIsNew`: nothing has been sealed yet, so a key may be created. `warn` receives a
   * message about an unsafe but working setup.
   */
  ring(storeIsNew: boolean, warn?: (message: string) => void): readonly RingKey[];
}

/** A wrapped key, and the id of the key that wrapped it. */
export interface WrappedKey {
  /**
   * Identifies the wrapping key, e.g. its ARN. It is stored in clear text, so that any process knows which key to use.
   */
  readonly by: string;
  readonly wrapped: Uint8Array;
}

/**
 * Keys that never leave a key service (AWS KMS, Google Cloud KMS, Vault transit, …): two methods, no package. The
 * service is called on opening and when keys change, never for a single user. A call has 10 s. A rejection becomes a
 * retryable `KEY_REFUSED`, unless it is a {@link LifecycleError}; nothing is changed then. It may wipe the bytes of a
 * key after use, those that it was given and those that it returned: they are copied.
 */
export interface KeyProvider {
  /**
   * Wraps 32 bytes with the newest key. `context` identifies what is wrapped and for which account: pass it as
   * additional authenticated data (AWS: the encryption context), so that the key unwraps only with the same context.
   */
  wrap(key: Uint8Array, context: string): Promise<WrappedKey>;
  /** Unwraps the result of {@link wrap} for the same `context`, with the key `by`, which may be an older one. */
  unwrap(wrapped: WrappedKey, context: string): Promise<Uint8Array>;
}

/**
 * The values of the option `encryption`: {@link keyFile}, your own keys, newest first, or a {@link KeyProvider}. A key
 * is 32 bytes, given as bytes, as base64 or as 64 hexadecimal digits.
 */
export type Encryption = KeySource | { readonly keys: readonly (string | Uint8Array)[] } | KeyProvider;

/**
 * Keys in a file, one per line, newest first. The first key is created (mode 0600) on the first start with an empty
 * store. Keep the file outside the store's folder and back it up separately: without it the tokens cannot be decrypted.
 *
 * A file that users other than its owner may read is accepted with a warning, because Kubernetes and Docker mount
 * secrets that way. To rotate, insert a new key (`openssl rand -base64 32`) on a line before the old one and call
 * `lifecycle.rotateKeys()`.
 *
 * @throws {LifecycleError} on opening: `KEY_REFUSED` if the file is missing although the store is not empty, or if it
 *   is unreadable
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
    throw invalidOption("Cannot use a key file: its path must be a file name");
  }
  if (looksLikeKeys(path)) {
    const flaw = "it looks like a key, which belongs in encryption.keys or ONEUP_KEY";
    throw invalidOption(`Cannot use a key file: its path must be a file name, and ${flaw}`);
  }
  const file = absolutePath("use a key file", path);
  return {
    path: file,
    ring(storeIsNew, warn) {
      const found = readIfThere(file);
      if (found === null && !storeIsNew) {
        throw missingKeyFile(file);
      }
      if (found !== null && storeIsNew) namesToDiskIfPossible(dirname(file));
      const lines = (found ?? makeKeyFile(file)).trim().split(/\s*\n\s*/);
      if (isOpenToOthers(file)) {
        warn?.(`The key file can be read by users other than its owner; its mode should be 0600: ${file}`);
      }
      return lines.map((line, index) => parseKey(line, index === 0 ? file : `${file}, line ${index + 1}`));
    },
  };
}

/** Whether a path is a key, or several: no path looks like that, and a new key would be made in a file of this name. */
export function looksLikeKeys(path: string): boolean {
  return path
    .trim()
    .split(/[\s,]+/)
    .every((part) => /^(?:[0-9a-f]{64}|[\w+/-]{43}=)$/i.test(part));
}

/** The error for a store that is not empty, without the key file. `by`: the id of the key that it was written with. */
function missingKeyFile(file: string, by?: string): LifecycleError {
  const key = by === undefined ? "a key" : `key ${by}`;
  return keyRefused(
    `Cannot open the store: it was written with ${key}, and the key file is missing: ${file}`,
    { facts: { option: "encryption", missingFile: file, ...(by !== undefined && { storeKey: by }) } },
  );
}

/** The same error, or for a missing key file one that names the key that is needed. */
export function naming(by: string, error: unknown): unknown {
  const file = isLifecycleError(error, "KEY_REFUSED") ? error.facts["missingFile"] : undefined;
  return typeof file === "string" ? missingKeyFile(file, by) : error;
}

/** Windows has no such modes. */
function isOpenToOthers(file: string): boolean {
  return process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0;
}

/** Whether the file is in the folder or below it, after resolving links. */
export function isInside(folder: string, file: string): boolean {
  const way = relative(real(folder), real(file));
  return way !== "" && !isAbsolute(way) && !/^\.\.(?:[\\/]|$)/.test(way);
}

/** Resolves links in the existing part of the path. */
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
    // Reading a pipe waits for its other end, which no signal ends, and what it said once is not there to be read again.
    if (statSync(file).isFile()) return readFileSync(file, "utf8");
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return null;
    throw keyRefused(`Cannot read the key file: it must be a readable file: ${file}`, {
      cause,
      facts: { option: "encryption" },
    });
  }
  throw keyRefused(
    `Cannot read the key file: it must be a regular file, no pipe, device or folder, because it is read more than once: ${file}`,
    { facts: { option: "encryption" } },
  );
}

/**
 * Writes a new key to a draft file and links it into place, so that of several processes one wins and none reads a
 * partial key. The caller will wrap with the key at once, so the key and its directory entry must be on disk first: a
 * power cut that kept the store but lost the key would lose every user.
 */
function makeKeyFile(file: string): string {
  const folder = dirname(file);
  const draft = `${file}.${randomBytes(6).toString("hex")}`;
  try {
    const made = makeFolder(folder);
    try {
      writeFileSync(draft, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600, flag: "wx" });
      toDisk(draft, "r+");
      linkSync(draft, file);
      chmodSync(file, 0o600);
    } catch (cause) {
      if (errorCode(cause) !== "EEXIST") throw cause;
    } finally {
      rmSync(draft, { force: true });
    }
    // Also by the processes that lost: the winner may not have got this far yet.
    for (const each of foldersOf(folder, made)) namesToDisk(each);
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw keyRefused(`Cannot make a key file: ${ruleBroken(cause as NodeJS.ErrnoException)}: ${file}`, {
      cause,
      facts: { reason: "noKeyFile" },
    });
  }
}

function ruleBroken({ code = "", syscall }: NodeJS.ErrnoException): string {
  const yourself = "make it yourself (openssl rand -base64 32)";
  if (code === "ENOSPC" || code === "EDQUOT") return "its disk must have space left";
  // Node then forbids fsync, and a key that a power cut takes away is lost with all users.
  if (code === "ERR_ACCESS_DENIED")
    return `Node's permission model must let it be written and synced (${code}); ${yourself}`;
  // The draft could be written, so the folder is writable.
  if (syscall === "link" && ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(code))
    return `its file system must have hard links (${code}); put it on another one, or ${yourself}`;
  return "its folder must be writable";
}

/**
 * The folder and, if folders were created (`made` is the topmost one), all its ancestors up to the parent of `made`.
 */
function foldersOf(folder: string, made: string | undefined): readonly string[] {
  const above = dirname(folder);
  if (made === undefined || folder === dirname(made) || folder === above) return [folder];
  return [folder, ...foldersOf(above, made)];
}

/** Syncs the entries of a folder. Windows cannot do this. */
function namesToDisk(folder: string): void {
  if (process.platform !== "win32") toDisk(folder, "r");
}

/** For an existing file: another process may have linked it just now. If its folder cannot be opened, it is skipped. */
function namesToDiskIfPossible(folder: string): void {
  try {
    namesToDisk(folder);
  } catch {} // e.g. mounted secrets
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
  // A copy, so that the application may later wipe its own bytes.
  const bytes = typeof key === "string" ? fromText(key.trim()) : Uint8Array.from(key);
  if (bytes?.length !== 32) {
    const found = bytes === null ? "is neither" : `has ${bytes.length} bytes`;
    throw keyRefused(
      `Cannot use the key of ${where}: a key is 32 bytes, as base64 or 64 hexadecimal digits, and this ${found}`,
      { facts: { option: "encryption" } },
    );
  }
  const id = createHash("sha256").update("oneup-lifecycle key id").update(bytes).digest("hex").slice(0, 12);
  return { id, bytes };
}

/** `null` if it is neither. Lenient decoding would accept a passphrase or a mistyped key as a weak key. */
function fromText(text: string): Uint8Array | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, "hex");
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : null;
}

/** Stores in memory need no configured key: this one dies with the process, as they do. */
const memoryKey: Uint8Array = randomBytes(32);

/** The same, with a key list read once at opening. @throws {LifecycleError} as {@link ringOf} */
export function readOnce(encryption: Encryption = { keys: [memoryKey] }): KeySource | KeyProvider {
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
    throw invalidOption("Cannot use encryption: keys must hold at least one key");
  }
  return ring;
}
