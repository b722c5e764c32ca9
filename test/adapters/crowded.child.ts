/**
 * Run as a process of its own, with few descriptors: opens the LMDB store in the folder of its first argument and then
 * once more, with none of its descriptors free, with one, and so on. A line per try on standard output.
 */

import { closeSync, openSync, writeSync } from "node:fs";
import { devNull } from "node:os";
import process from "node:process";
import { lmdb } from "../../adapters/lmdb.ts";
import { systemClock } from "../../src/clock.ts";
import { isLifecycleError } from "../../src/errors.ts";

const [folder = "", ...free] = process.argv.slice(2);
const opening = { account: "account", clock: systemClock };
const open = async (place: string): Promise<void> => (await lmdb(place).open(opening)).close();
const store = await lmdb(folder).open(opening);
for (const count of free) {
  for (const place of [folder, `${folder} ${count}`]) {
    await open(place); // so that it is known that it would open
    writeSync(1, `${await openedWith(Number(count), place)}\n`);
  }
}
await store.close();

async function openedWith(count: number, place: string): Promise<string> {
  const files: number[] = [];
  try {
    for (;;) files.push(openSync(devNull, "r"));
  } catch {
    for (const file of files.splice(0, count)) closeSync(file);
    return await open(place).then(
      () => "opened",
      (error: unknown) => (isLifecycleError(error) ? error.message : String(error)),
    );
  } finally {
    for (const file of files) closeSync(file);
  }
}
