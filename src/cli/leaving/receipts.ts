/**
 * `oneup-lifecycle receipts FILE`: verifies receipts.
 *
 * @module
 */
import { verifyReceipts } from "../../index.ts";
import { UsageError } from "../arguments.ts";
import { option, type Command } from "../command.ts";
import { plural, print } from "../format.ts";
import { idsIn } from "../list-file.ts";
import { placeOf, withStore } from "../open-store.ts";

export const receipts: Command = {
  name: "receipts",
  description: "verify receipts: that none is missing, changed or cut off",
  more: ["With --public-key, as leave prints it, no store is opened."],
  takes: ["FILE"],
  example: "receipts ./receipts.ndjson",
  opens: "look",
  fails: "a receipt is missing, changed or cut off",
  options: {
    "public-key": option("KEY", "the key (default: that of the store)"),
  },
  async run(given, signal) {
    const { argument: path, texts } = given;
    if (!texts.has("public-key") && placeOf(given) === "")
      throw new UsageError("No key given: use --public-key KEY, as leave prints it, or --store PLACE");
    const publicKey =
      texts.get("public-key") ?? (await withStore(given, async (lifecycle) => lifecycle.receiptsKey()));
    const lines = idsIn({ path, column: null }, signal);
    const verified = await verifyReceipts(lines, { publicKey });
    const { ok, receipts: found, skipped, problem } = verified;
    print(given, verified, [
      `${plural(found, "receipt")} verified${ok ? ", closed with their count" : ""}`,
      ...(skipped > 0 ? [`${plural(skipped, "receipt")} of a purge that was never confirmed`] : []),
      ...(problem === null
        ? []
        : [`Line ${problem.line}: ${problem.why}`, `What to do: ${problem.nextStep}`]),
    ]);
    return ok ? 0 : 1;
  },
};
