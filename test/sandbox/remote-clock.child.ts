/** Run as a process of its own: sleeps on the sandbox's clock, says so, and ends without closing anything. */

import { sleep } from "../../src/clock.ts";
import { connectSandboxClock } from "../../src/sandbox/index.ts";

const clock = await connectSandboxClock(process.argv[2] ?? "");
console.log("ready");
await sleep(clock, 3_600_000);
console.log(clock.now());
