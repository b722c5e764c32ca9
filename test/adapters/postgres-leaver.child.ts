/**
 * Run as a process of its own: opens the PostgreSQL store at the URL of its argument, uses all of its connections, and
 * closes it when its parent has stopped the server, whereupon nothing should keep it.
 */

import { once } from "node:events";
import process from "node:process";
import { postgres } from "../../adapters/postgres.ts";
import { systemClock } from "../../src/clock.ts";
import { argument } from "../support/child.ts";

const store = await postgres(argument<string>()).open({ account: "account", clock: systemClock });
await Promise.all(Array.from({ length: 5 }, () => store.counts()));
const told = once(process, "SIGUSR2");
const staying = setInterval(() => {}, 1_000); // waiting for a signal keeps no process
console.log("idle");
await told;
clearInterval(staying);
await store.close();
console.log("closed");
