/**
 * `verifyReceipts()`.
 *
 * @module
 */
import { anIterable, anything, check, checkValue, wrong } from "../../checks.ts";
import { looksLikeReceipt, publicKeyFrom, ReceiptChain, writeAnew } from "./receipt-chain.ts";

/** The result of {@link verifyReceipts}. */
export interface VerifiedReceipts {
  /** Nothing is missing, changed or cut off. */
  readonly ok: boolean;
  /** The name of the leave; `null`: no line could be read. */
  readonly leave: string | null;
  /** Receipts that were verified, and those among them that tell of a purge that was never confirmed. */
  readonly receipts: number;
  readonly skipped: number;
  /** Whether they are closed with their count. */
  readonly closed: boolean;
  /** The first line with a problem, from 1 on, what it is, and what to do; `null`: there is none. */
  readonly problem: { readonly line: number; readonly why: string; readonly nextStep: string } | null;
}

const noReceipts: VerifiedReceipts["problem"] = {
  line: 1,
  why: "it is no receipt, and neither is any other line: this is no file of receipts",
  nextStep: "name the file that the leave was given for its receipts (leave --receipts FILE)",
};

/**
 * Verifies receipts: each line's signature, that none is missing, changed or in another place, and that the last one
 * closes them with their count. Needs no store.
 *
 * @param lines the lines of the receipts, in order
 * @param options `publicKey`: as `offboardMany()` and `receiptsKey()` return it
 * @throws {LifecycleError} `INVALID_OPTION`; what the lines throw
 * @example
 * ```ts
 * import { mkdtemp, readFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { verifyReceipts } from "oneup-lifecycle";
 * import { createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle } = await createTestLifecycle();
 * await lifecycle.onboard("ada");
 * const receipts = join(await mkdtemp(join(tmpdir(), "leaving-")), "receipts.ndjson");
 * const { publicKey } = await lifecycle.offboardMany("all", { name: "2026", count: 1, receipts });
 * const lines = (await readFile(receipts, "utf8")).trimEnd().split("\n");
 * console.log((await verifyReceipts(lines, { publicKey })).ok); // true
 * console.log((await verifyReceipts(lines.slice(0, -1), { publicKey })).ok); // false: cut off
 * ```
 */
export async function verifyReceipts(
  lines: Iterable<string> | AsyncIterable<string>,
  options: { readonly publicKey: string },
): Promise<VerifiedReceipts> {
  const verb = "verify receipts";
  checkValue(verb, "the lines", lines, anIterable);
  const { publicKey } = check(verb, options, { publicKey: anything });
  const key = publicKeyFrom(publicKey ?? "");
  if (key === null) throw wrong(verb, "publicKey", "the key that receiptsKey() returns", publicKey);
  const chain = new ReceiptChain();
  let problem: VerifiedReceipts["problem"] = null;
  let number = 0;
  let isForeign = false; // whether no line so far looks like a receipt
  for await (const line of lines) {
    number++;
    if (!isForeign) {
      const why = chain.read(line, key);
      if (why === null) continue;
      problem = { line: number, why, nextStep: writeAnew };
      if (number > 1) break; // the lines before it are receipts
    }
    isForeign = !looksLikeReceipt(line);
    if (!isForeign) break;
  }
  if (isForeign) problem = noReceipts;
  if (problem === null && !chain.isClosed)
    problem = {
      line: number + 1,
      why: "it is missing: the receipts are not closed",
      nextStep: `run the leave again by the same name, if it was not over; if it was, lines were cut off: ${writeAnew}`,
    };
  const { leave, receipts, skipped, isClosed } = chain;
  return { ok: problem === null, leave, receipts, skipped, closed: isClosed, problem };
}
