/**
 * Run as a process of its own: opens the LMDB store in the folder of its argument and stands still (SIGSTOP) in the middle
 * of a write, whose lock it holds. When it is let go on, it says so and stays.
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { lmdb } from "../../adapters/lmdb.ts";
import { systemClock } from "../../src/clock.ts";
import { argument } from "../support/child.ts";
import { write } from "../support/commits.ts";

let freezes = false;
const clock = {
  ...systemClock,
  /** Asked within the transaction. */
  now(): number {
    if (freezes) {
      freezes = false;
      writeSync(1, "stands still\n");
      process.kill(process.pid, "SIGSTOP");
    }
    return systemClock.now();
  },
};
const store = await lmdb(argument<string>()).open({ account: "account", clock });
freezes = true;
await store.commit(write("frozen"));
writeSync(1, "went on\n");
setInterval(() => {}, 1_000);
