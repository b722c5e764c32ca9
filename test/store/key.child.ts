/** Run as a process of its own: opens the key file and the store of its arguments, and says which store key it got. */

import { createHash } from "node:crypto";
import { lmdb } from "../../adapters/lmdb.ts";
import { systemClock, randomName } from "../../src/clock.ts";
import { keyFile, openStoreKey } from "../../src/store/keys.ts";

const [folder = "", file = ""] = process.argv.slice(2);
const store = await lmdb(folder).open({ account: "account", clock: systemClock });
const key = await openStoreKey(store, "account", keyFile(file), randomName(systemClock));
console.log(createHash("sha256").update(key).digest("hex"));
await store.close();
