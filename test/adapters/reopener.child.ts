/**
 * Run as a process of its own: opens an LMDB store, and so many times the same folder again at some moment of a commit,
 * as a store, for Keyv and for a copy. Tells how many commits were acknowledged, and how many records there are.
 */
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { lmdb } from "../../adapters/lmdb.ts";
import { systemClock } from "../../src/clock.ts";
import { argument } from "../support/child.ts";
import { write } from "../support/commits.ts";

const { folder, rounds } = argument<{ readonly folder: string; readonly rounds: number }>();
const opening = { account: "account", clock: systemClock };
const store = await lmdb(folder).open(opening);
let commits = 0;

/** Does nothing else for a while. Meanwhile LMDB's own thread comes to some point of a transaction. */
function spin(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

for (let round = 0; round < rounds; round++) {
  const commit = store.commit(write(`before ${round}`));
  if (round % 2 === 0) await turn();
  spin(Math.random() * 0.5);
  const again = await lmdb(folder).open(opening);
  const view = lmdb(folder).keyv({ namespace: "notes" });
  await Promise.all([again.commit(write(`after ${round}`)), view.set("round", `${round}`), commit]);
  commits += 2;
  if (round % 20 === 0) await lmdb(folder).backup(join(folder, "..", `copy ${round}`));
  await Promise.all([again.close(), view.disconnect()]);
}
const { created = 0 } = await store.counts();
await store.close();
console.log(JSON.stringify({ commits, created }));
