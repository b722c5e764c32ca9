/** Run as a process of its own: dies in the middle of a read of the LMDB store in the folder of its argument. */
import process from "node:process";
import { lmdb } from "../../adapters/lmdb.ts";
import { systemClock } from "../../src/clock.ts";
import { argument } from "../support/child.ts";

const store = await lmdb(argument<string>()).open({ account: "account", clock: systemClock });
void store.load("ada"); // its read transaction lasts until the end of this turn
process.kill(process.pid, "SIGKILL");
