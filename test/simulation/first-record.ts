/** The account's record with which a story begins. */
import { createHash } from "node:crypto";
import type { StoreKeysParts } from "../../src/runtime/account/store-keys.ts";
import { storeKeyContext, storeKeyOf, withKeyRecord, wrapNames } from "../../src/store/sealing/key-record.ts";
import type { Scenario } from "./scenario.ts";
import { hour } from "./time.ts";

/** Writes the account's record as the first process of the release would, but with keys that the seed decides. */
export async function beginStore(
  { record, account, ring }: Pick<StoreKeysParts, "record" | "account" | "ring">,
  { seed, releases, hideIds, kinds, limit, tokenLimit }: Scenario,
): Promise<void> {
  const key = storeKeyOf(createHash("sha256").update(`store key ${seed}`).digest());
  const wrapped = await ring(true).wrap(key.bytes, storeKeyContext(account));
  const limits = { management: limit, ...(tokenLimit && { token: tokenLimit }) };
  const isFirst = kinds.includes("anotherLimit"); // else the first process writes them down
  const keepMs = (seed % 2 === 0 ? 1 : 7 * 24) * hour;
  const events = { isOn: true, keepMs, epoch: 1 };
  const value = withKeyRecord(
    { ...(kinds.includes("events") && { events }), ...(hideIds && { hideIds }), ...(isFirst && { limits }) },
    {
      format: releases.from,
      storeKeys: [{ id: key.id, madeUnder: wrapped.by, ...wrapped }],
      names: wrapNames(createHash("sha256").update(`names ${seed}`).digest(), key, account),
      retired: [],
      former: [],
      dropped: [],
    },
  );
  await record.commit({ value, expectedRevision: 0, writeId: "the first" });
}
