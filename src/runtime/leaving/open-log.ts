/**
 * The receipts of a leave that this process writes.
 *
 * @module
 */
import { createPublicKey } from "node:crypto";
import { randomName } from "../../clock.ts";
import { invalidOption, type LifecycleError } from "../../errors.ts";
import type { Leaving } from "../../store/envelope.ts";
import type { Engine } from "../engine/engine.ts";
import type { ReceiptLog } from "./offboard-many-options.ts";
import { receiptFile } from "./receipt-file.ts";
import {
  publicKeyOf,
  ReceiptChain,
  receiptKey,
  receiptOf,
  writeAnew,
  type ReceiptLine,
} from "./receipt-chain.ts";

export interface OpenLog {
  /** What it holds; its id names it for as long as it exists. */
  readonly chain: Readonly<Omit<ReceiptChain, "next" | "read">>;
  readonly publicKey: string;
  /** Appends the receipts of users that have none in it; durable when it resolves. @throws {LifecycleError} `INVALID_OPTION` behind the end */
  add(left: readonly Leaving[]): Promise<void>;
  /** Appends the last line, with the count. */
  end(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens it and verifies what it holds. An empty one begins only if the leave `isNew`: otherwise its receipts are elsewhere,
 * and this one stays free for another leave.
 *
 * @throws {LifecycleError} `INVALID_OPTION`; what the log throws
 */
export async function openLog(
  engine: Engine,
  given: string | ReceiptLog,
  { name, isNew }: { readonly name: string; readonly isNew: boolean },
): Promise<OpenLog> {
  const { clock, keys } = engine;
  const log = typeof given === "string" ? receiptFile(given) : given;
  const key = receiptKey(keys.view.names);
  const publicKey = publicKeyOf(key);
  const verifying = createPublicKey(key);
  const chain = new ReceiptChain();
  const now = (): string => new Date(clock.now()).toISOString();
  const append = (lines: readonly ReceiptLine[]): Promise<void> =>
    log.append(lines.map((line) => chain.next(line, key)));
  try {
    let number = 0;
    for await (const line of await log.open()) {
      const why = chain.read(line, verifying);
      number++;
      if (why !== null) throw unfit(`line ${number} must be as it was written: ${why}; ${writeAnew}`);
    }
    if (chain.lines === 0 && isNew)
      await append([{ type: "opened", leave: name, id: randomName(clock), at: now() }]);
    if (chain.leave !== null && chain.leave !== name)
      throw unfit(`they must be of the leave "${name}", got those of "${chain.leave}"`);
  } catch (error) {
    await log.close();
    throw error;
  }
  return {
    chain,
    publicKey,
    async add(left) {
      // seam: a-user-gets-one-receipt
      const fresh = left.filter(({ receipt }) => !chain.has(receipt));
      if (fresh.length > 0 && chain.isClosed) throw unfit(`they are closed; ${writeAnew}`);
      if (fresh.length > 0) await append(fresh.flatMap((one) => receiptOf(one) ?? []));
    },
    async end() {
      if (!chain.isClosed) await append([{ type: "closed", count: chain.receipts, at: now() }]);
    },
    close: () => log.close(),
  };
}

/** The error when the user, which is to leave, should have a receipt. */
export function newerThanStore(alias: string): LifecycleError {
  return unfit(
    `the store is older than they are, as one that was restored: user ${alias} has none in them; nothing was done. Keep this file, and use another name, and receipts elsewhere`,
  );
}

function unfit(rule: string): LifecycleError {
  return invalidOption(`Cannot go on with these receipts: ${rule}`);
}
