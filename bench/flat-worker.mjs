/**
 * A worker that processes the users of two accounts, a given number of each, and reports the cost of the second. One
 * argument, JSON: the `Told` of `flat.ts`.
 *
 * @module
 */
import { createLifecycle } from "../dist/lib/index.js";
import { peakMemory } from "./own-memory.mjs";
import { storeAt } from "./store-at.mjs";

/** @type {import("./flat.ts").Told} */
const { address, options, turns, users } = JSON.parse(process.argv[2]);

/** The time of one of many sequential calls, in µs. The first half only warms up. */
async function microsOf(times, ask) {
  let begun = 0;
  for (let index = 0; index < 2 * times; index++) {
    if (index === times) begun = performance.now();
    await ask();
  }
  return ((performance.now() - begun) / times) * 1_000;
}

let said;
for (const { credentials, calls, grants } of turns) {
  const lanes = { reserved: 0 };
  const management = { calls, windowMs: 3_600_000 };
  const store = await storeAt(address);
  const limits = { management: { ...management, lanes } };
  const lifecycle = await createLifecycle({ ...options, credentials, store, limits });
  await lifecycle.account.setLimits({ management }); // instead of that of the worker before
  const stop = new AbortController();
  let arrived = 0;
  lifecycle.subscribe(({ state }) => {
    if (state === "tokenActive" && ++arrived === grants) stop.abort();
  });
  const cpu = process.cpuUsage();
  await lifecycle.work({ signal: stop.signal });
  const { user, system } = process.cpuUsage(cpu);
  const anyUser = () => `user-${String(Math.floor(Math.random() * users)).padStart(9, "0")}@example.org`;
  if (said === undefined) said = {}; // the first account only warms up
  else {
    said = {
      grantMicros: (user + system) / grants,
      inspectMicros: await microsOf(2_000, () => lifecycle.inspect(anyUser())),
      countsMicros: await microsOf(2_000, () => lifecycle.counts()),
      forecastMicros: await microsOf(2_000, () => lifecycle.forecast(1, "bulk")),
      rss: peakMemory(),
    };
  }
  await lifecycle.close();
}
process.send(said);
process.disconnect();
