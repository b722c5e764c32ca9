/**
 * Run as a process of its own: opens the PostgreSQL store of its argument and takes slots with commits, more than there
 * are. A line on standard output per acknowledged commit.
 */

import { writeSync } from "node:fs";
import { postgres } from "../../adapters/postgres.ts";
import { systemClock } from "../../src/clock.ts";
import type { Limit } from "../../src/store/contract.ts";
import { argument } from "../support/child.ts";

const { url, schema, name } = argument<{
  readonly url: string;
  readonly schema: string;
  readonly name: string;
}>();
const limit: Limit = { name: "calls", calls: 30, windowMs: 3_600_000 };
const store = await postgres(url, { schema }).open({ account: "account", clock: systemClock });

async function take(n: number): Promise<void> {
  const { type } = await store.commit({
    id: `${name} ${n}`,
    value: null,
    expectedRevision: 0,
    writeId: `${name} ${n}`,
    mode: "none",
    lease: { id: name, owner: name, ms: 60_000 },
    state: "created",
    dueInMs: null,
    lane: null,
    take: { limit, holdMs: 60_000, lane: "bulk" },
  });
  if (type === "committed") writeSync(1, `${name} ${n}\n`);
}

for (let n = 0; n < 30; n += 3) await Promise.all([take(n), take(n + 1), take(n + 2)]);
await store.close();
