/**
 * Run as a process of its own: opens the key file and the store of its arguments, prints which store key it got, and keeps
 * the store open until its input ends: LMDB may fail to open a folder that another process closes.
 */
import { createHash } from "node:crypto";
import process from "node:process";
import { lmdb } from "../../adapters/lmdb.ts";
import { systemClock, randomName } from "../../src/clock.ts";
import { openKeys } from "../../src/store/sealing/key-record.ts";
import { keyRing } from "../../src/store/sealing/key-ring.ts";
import { keyFile } from "../../src/store/sealing/keys.ts";

const [folder = "", file = ""] = process.argv.slice(2);
const store = await lmdb(folder).open({ account: "account", clock: systemClock });
const { storeKeys } = await openKeys({
  record: store.account,
  account: "account",
  ring: (storeIsNew) => keyRing(keyFile(file), storeIsNew, systemClock),
  writeId: randomName(systemClock),
});
console.log(createHash("sha256").update(storeKeys[0].bytes).digest("hex"));
for await (const _ of process.stdin);
await store.close();
