/**
 * An application that onboards its users, so many at a time, and works for whoever a dead process left behind. It
 * says "done" when each of them has a token. One argument, JSON: what `recovery.ts` tells it.
 * Plain JavaScript, started without a loader, as an application is: its start is part of the time that is measured.
 *
 * @module
 */
import { createLifecycle } from "../dist/src/index.js";
import { storeAt } from "./store-at.mjs";

/** @type {import("./recovery.ts").Told} */
const { address, options, users, atATime } = JSON.parse(process.argv[2]);
const lifecycle = await createLifecycle({ ...options, store: await storeAt(address) });
void lifecycle.work({ concurrency: atATime.worked });

// Whom the store knows the worker brings home; so those come first of whom it has never heard.
/** @type {Set<string>} */
const known = new Set();
for await (const { appUserId } of lifecycle.users()) known.add(appUserId);
const left = [...users.filter((id) => !known.has(id)), ...known].values();
async function loop() {
  for (const id of left) {
    const { usable } = await lifecycle.onboard(id, { lane: "bulk" });
    if (!usable) throw new Error("A user has no token");
  }
}
await Promise.all(Array.from({ length: atATime.onboarded }, loop));
process.send("done");
await lifecycle.close();
process.disconnect();
