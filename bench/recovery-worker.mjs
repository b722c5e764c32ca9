/**
 * An application that onboards its users, a given number at a time, with a worker for users that a dead process left
 * behind. It sends "done" when every user has a token. One argument, JSON: the `Told` of `recovery.ts`. Plain JavaScript,
 * started without a loader, like an application: its start is part of the measured time.
 *
 * @module
 */
import { createLifecycle } from "../dist/lib/index.js";
import { storeAt } from "./store-at.mjs";

/** @type {import("./recovery.ts").Told} */
const { address, options, users, atATime } = JSON.parse(process.argv[2]);
const lifecycle = await createLifecycle({ ...options, store: await storeAt(address) });
void lifecycle.work({ concurrency: atATime.worked });

// The worker finishes the users that the store knows, so the unknown ones are onboarded first.
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
