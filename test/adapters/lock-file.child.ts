/**
 * Run as a process of its own, because a process that has a store open must not open its `lock.mdb`: changes that file in the
 * folder of its first argument as the second one says.
 */

import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";

const [folder = "", task = ""] = process.argv.slice(2);
const file = openSync(join(folder, "lock.mdb"), "r+");
const head = new DataView(new ArrayBuffer(16));
readSync(file, head);
if (head.getUint32(0, true) !== 0xbeefc0de) throw new Error("lock.mdb does not begin as LMDB's do");

switch (task) {
  case "set back": {
    // The number of the latest commit is the first thing behind the stamp and the format.
    head.setBigUint64(8, head.getBigUint64(8, true) - 1n, true);
    writeSync(file, head, 8, 8, 8);
    break;
  }
  case "destroy locks":
    // Behind the number of readers, which stays: LMDB would look at as many places.
    writeSync(file, new Uint8Array(232).fill(0xff), 0, 232, 24);
    break;
  default:
    throw new Error(`no such task: ${task}`);
}
closeSync(file);
