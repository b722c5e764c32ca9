/**
 * Run as a process of its own: opens the LMDB store in the folder of its first argument and does what the second
 * one says. A line on standard output per acknowledged write.
 */

import { writeSync } from "node:fs";
import { lmdb } from "../../adapters/lmdb.ts";
import { systemClock } from "../../src/clock.ts";
import type { Commit, Limit } from "../../src/store/contract.ts";

const [folder = "", task = "", name = "child"] = process.argv.slice(2);
const limit: Limit = { name: "calls", calls: 30, windowMs: 3_600_000 };
const store = await lmdb(folder).open({ account: "account", clock: systemClock });
if (task.startsWith("open and close")) await store.close();

function write(id: string, change: Partial<Commit> = {}): Commit {
  return {
    id,
    value: `of ${id}`,
    expectedRevision: 0,
    writeId: `${name} ${id}`,
    mode: "none",
    lease: { id: name, owner: name, ms: 60_000 },
    state: "created",
    dueInMs: null,
    lane: null,
    ...change,
  };
}

/** Synchronous, so that a line is out before the next instruction runs. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

switch (task) {
  case "write for ever":
    for (let n = 0; ; n += 4) {
      const ids = [n, n + 1, n + 2, n + 3].map((number) => `user ${number}`);
      await Promise.all(
        ids.map(async (id) => {
          await store.commit(write(id, { dueInMs: 0 }));
          say(id);
        }),
      );
    }
  case "write events for ever":
    for (let revision = 0; ; revision++) {
      const ids = [1, 2, 3, 4].map((n) => `${name} ${n}`);
      await Promise.all(
        ids.map((id) => {
          const events = [1, 2].map((n) => ({ key: id, value: `${id} ${revision + 1} ${n}` }));
          const writeId = `${id} ${revision}`;
          return store.commit(write(id, { expectedRevision: revision, writeId, events }));
        }),
      );
      say(`${revision + 1}`);
    }
  case "take slots":
    for (let n = 0; n < 30; n++) {
      const done = await store.commit(
        write(`${name} ${n}`, { take: { limit, holdMs: 60_000, lane: "bulk" } }),
      );
      if (done.type === "committed") say(`${name} ${n}`);
    }
    break;
  case "claim":
    for (;;) {
      const { claimed } = await store.claim({ limit: 3, lease: { id: name, owner: name, ms: 60_000 } });
      if (claimed.length === 0) break;
      for (const { record } of claimed) say(record.id);
    }
    break;
  case "hold":
    say("opened");
    await new Promise(() => setInterval(() => undefined, 1_000));
    break;
  case "open and close":
    for (const end = Date.now() + 60_000; Date.now() < end;) {
      const again = await lmdb(folder).open({ account: "account", clock: systemClock });
      await again.counts();
      await again.close();
    }
    process.exit(1); // its parent has not ended it
  case "open and close often":
    for (let n = 0; n < 800; n++) {
      const again = await lmdb(folder).open({ account: "account", clock: systemClock });
      await again.close();
    }
    process.exit(0); // it is closed
  case "read":
    say(JSON.stringify(await store.counts()));
    break;
  default:
    throw new Error(`no such task: ${task}`);
}
await store.close();
