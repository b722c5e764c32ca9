/**
 * Receipts: one JSON line each, signed, with the hash of the line before. The first line opens them, the last one closes
 * them with their count.
 *
 * The signing key is derived from the store's names key, which never changes and moves with the store.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  sign,
  verify,
  type KeyObject,
} from "node:crypto";
import { isObject } from "../../checks.ts";
import type { Leaving } from "../../store/envelope.ts";
import { isCount } from "../../store/guards.ts";

/** A line of receipts before it is signed. */
export type ReceiptLine =
  | { readonly type: "opened"; readonly leave: string; readonly id: string; readonly at: string }
  | {
      readonly type: "receipt";
      /** A random name: the same user has the same one, whatever it is called. */
      readonly receipt: string;
      readonly oneupUserId: number | null;
      /** When it was offboarded, with nothing left to erase. */
      readonly at: string;
      /** The confirmed purges, and the SHA-256 of 1upHealth's answers. */
      readonly purged: readonly { readonly version: string; readonly at: string; readonly digest: string }[];
      /** A purge that was never confirmed, and why. */
      readonly skipped: { readonly versions: readonly string[]; readonly why: string } | null;
    }
  | { readonly type: "closed"; readonly count: number; readonly at: string };

/** What to do about receipts that were lost or changed. */
export const writeAnew =
  "keep this file, and run the leave by another name with receipts elsewhere, which writes those of all users that were not forgotten";

/** The private key of a store. `names`: its names key. */
export function receiptKey(names: Uint8Array): KeyObject {
  const seed = Buffer.from(hkdfSync("sha256", names, Buffer.alloc(0), "oneup-lifecycle receipts", 32));
  // A PKCS #8 Ed25519 key is this prefix and the seed (RFC 8410).
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
}

/** Its public part, as text. */
export function publicKeyOf(key: KeyObject): string {
  const der = createPublicKey(key).export({ format: "der", type: "spki" });
  return der.subarray(-32).toString("base64url");
}

/** A public key from its text; `null`: it is none. */
export function publicKeyFrom(text: string): KeyObject | null {
  if (typeof text !== "string" || !/^[\w-]{43}$/.test(text)) return null;
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(text, "base64url")]);
  return createPublicKey({ key: der, format: "der", type: "spki" });
}

/** The receipt of a user that has left. */
export function receiptOf({ receipt, done }: Leaving): ReceiptLine | null {
  if (done === null) return null;
  const { at, oneupUserId, purged, skipped } = done;
  return {
    type: "receipt",
    receipt,
    oneupUserId,
    at: new Date(at).toISOString(),
    purged: purged.map((one) => ({ ...one, at: new Date(one.at).toISOString() })),
    skipped,
  };
}

/** Whether the line begins as a receipt does, though it may have been changed or cut off. */
export function looksLikeReceipt(text: string): boolean {
  return text.startsWith('{"number":');
}

/** Writes lines of a chain. */
export class ReceiptChain {
  /** Lines so far, receipts among them, and those that tell of a skipped purge. */
  lines = 0;
  receipts = 0;
  skipped = 0;
  isClosed = false;
  /** The id in the first line. */
  id: string | null = null;
  leave: string | null = null;
  #previous: string | null = null;
  readonly #names = new Set<string>();

  has(receipt: string): boolean {
    return this.#names.has(receipt);
  }

  /** The next line, signed. */
  next(line: ReceiptLine, key: KeyObject): string {
    const body = JSON.stringify({ number: this.lines, ...line, previous: this.#previous });
    const signature = sign(null, Buffer.from(body), key).toString("base64url");
    const text = `${body.slice(0, -1)},"signature":"${signature}"}`;
    this.#take(text, line);
    return text;
  }

  /** Reads the next line; returns what is wrong with it, or `null`. */
  read(text: string, key: KeyObject): string | null {
    const [, head = "", signature = ""] = /^(\{.*),"signature":"([\w-]{86})"\}$/.exec(text) ?? [];
    const body = `${head}}`;
    if (head === "" || !verify(null, Buffer.from(body), key, Buffer.from(signature, "base64url")))
      return "it was changed, or signed with another key";
    const line: unknown = JSON.parse(body); // written by a store's owner
    if (!isLine(line)) return "it is no receipt";
    if (line.number !== this.lines || line.previous !== this.#previous)
      return "lines are missing before it, or it is in the wrong place";
    if (this.isClosed) return "it comes after the end";
    if ((line.type === "opened") !== (this.lines === 0)) return "receipts must begin with their first line";
    if (line.type === "receipt" && this.has(line.receipt)) return "it is there twice";
    if (line.type === "closed" && line.count !== this.receipts)
      return `it closes ${line.count} receipts, not these`;
    this.#take(text, line);
    return null;
  }

  #take(text: string, line: ReceiptLine): void {
    this.#previous = createHash("sha256").update(text).digest("hex");
    this.lines++;
    if (line.type === "opened") [this.id, this.leave] = [line.id, line.leave];
    if (line.type === "closed") this.isClosed = true;
    if (line.type !== "receipt") return;
    this.receipts++;
    if (line.skipped !== null) this.skipped++;
    this.#names.add(line.receipt);
  }
}

function isLine(
  line: unknown,
): line is ReceiptLine & { readonly number: number; readonly previous: string | null } {
  if (!isObject(line) || !isCount(line["number"])) return false;
  switch (line["type"]) {
    case "opened":
      return typeof line["leave"] === "string" && typeof line["id"] === "string";
    case "receipt":
      return typeof line["receipt"] === "string";
    default:
      return line["type"] === "closed" && isCount(line["count"]);
  }
}
