/**
 * Run as a process of its own: exits, in the given way, while LMDB's thread waits inside a transaction for this one, or
 * without anything under way.
 */
import { join } from "node:path";
import process from "node:process";
import { lmdb } from "../../adapters/lmdb.ts";
import { systemClock } from "../../src/clock.ts";
import { argument } from "../support/child.ts";
import { write } from "../support/commits.ts";

const { folder, how } = argument<{
  readonly folder: string;
  readonly how: "exit" | "throw" | "reject" | "removed" | "idle";
}>();
process.on("exit", () => console.log("before"));
const store = await lmdb(folder).open({ account: "account", clock: systemClock });
await store.commit(write("acknowledged"));
process.on("exit", (code) => console.log(`after ${code}`));
if (how !== "idle") void store.commit(write("under way"));
setImmediate(() => {
  for (const end = performance.now() + 100; performance.now() < end;); // the transaction begins, and waits
  const mistake = new Error("a mistake of the application");
  if (how === "removed") process.execPath = join(folder, "node"); // as after an update of Node
  if (how === "throw") throw mistake;
  if (how === "reject") void Promise.reject(mistake);
  else process.exit(3);
});
