/**
 * How fast all users move from one store to another: LMDB, PostgreSQL, Redis, LMDB. Two workers run on the store that is
 * left, and the process that moves is killed once half of the users are copied, and started again.
 *
 * @module
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { LifecycleOptions, MoveProgress, MoveSummary } from "oneup-lifecycle";
import { waitingId } from "./fill.ts";
import { encryption, inPlace, storeIn, type Place } from "./places.ts";
import { createLifecycle } from "./product.ts";
import { startProvider } from "./provider.ts";
import type { Measurement } from "./report.ts";
import { inLoops } from "./rounds.ts";
import { credentials, loops, type Effort } from "./settings.ts";

/** What a worker, or with `to` a process that moves, is told. */
export interface Told {
  readonly from: string;
  readonly to?: string;
  readonly options: Pick<LifecycleOptions, "credentials" | "encryption" | "endpoints" | "limits">;
}

/** What a process that moves sends at the end. */
interface Moved extends MoveSummary {
  readonly rssMb: number;
}

/** The store that is left, and the one that is filled. */
type Leg = readonly [name: string, from: Place, to: Place];

/** Users that move; skipped without Redis or PostgreSQL. */
export function moveAround({ movedUsers }: Effort): Promise<Measurement[]> {
  return inPlace("lmdb", "move", (first) =>
    inPlace("postgres", "move", (second) =>
      inPlace("redis", "move", (third) =>
        inPlace("lmdb", "move", (last) =>
          moved(movedUsers, [
            ["lmdb.postgres", first, second],
            ["postgres.redis", second, third],
            ["redis.lmdb", third, last],
          ]),
        ),
      ),
    ),
  );
}

async function moved(users: number, legs: readonly Leg[]): Promise<Measurement[]> {
  const provider = await startProvider(0);
  const options = {
    credentials,
    encryption,
    endpoints: { api: provider.url, auth: provider.url },
    limits: { management: { calls: 1e9, windowMs: 3_600_000 } },
  };
  const found: Measurement[] = [];
  const digests = new Set<string>();
  let rssMb = 0;
  try {
    const [[, first]] = legs as [Leg];
    await onboard(users, { ...options, store: storeIn(first) });
    const calls = await provider.calls();
    for (const [name, { address: from }, { address: to }] of legs) {
      const workers = [child({ from, options }), child({ from, options })];
      await Promise.all(workers.map((worker) => once(worker, "message")));
      const ended = workers.map((worker) => once(worker, "message"));
      await killedHalfway(child({ from, to, options }));
      const summary = await summaryOf(child({ from, to, options }));
      for (const [code] of await Promise.all(ended))
        if (code !== "STORE_MOVED") throw new Error(`A worker ended with ${String(code)}`);
      digests.add(summary.digest);
      rssMb = Math.max(rssMb, summary.rssMb);
      const perSecond = (users * 1_000) / summary.interruptedMs;
      found.push({ name: `move.users_per_s.${name}`, value: perSecond, unit: "/s", bar: null });
    }
    const [, , last] = legs.at(-1) as Leg;
    const lifecycle = await createLifecycle({ ...options, store: storeIn(last) });
    const { tokenActive = 0 } = await lifecycle.counts();
    await lifecycle.close();
    const none = { bar: 0, atMost: true } as const;
    return [
      ...found,
      { name: "move.lost", value: users - tokenActive, unit: "users", ...none },
      { name: "move.calls", value: (await provider.calls()) - calls, unit: "calls", ...none },
      { name: "move.digests", value: digests.size, unit: "", bar: 1, atMost: true },
      { name: "move.rss", value: rssMb, unit: "MB", bar: null },
    ];
  } finally {
    await provider.close();
  }
}

async function onboard(users: number, options: LifecycleOptions): Promise<void> {
  const lifecycle = await createLifecycle(options);
  await inLoops(indexes(users), loops, async (index) => void (await lifecycle.onboard(waitingId(index))));
  await lifecycle.close();
}

function* indexes(users: number): Generator<number> {
  for (let index = 0; index < users; index++) yield index;
}

function child(told: Told): ChildProcess {
  const script = fileURLToPath(new URL("move-worker.mjs", import.meta.url));
  return fork(script, [JSON.stringify(told)], { execArgv: [] }); // without the loader of this process
}

async function killedHalfway(mover: ChildProcess): Promise<void> {
  const exit = once(mover, "exit");
  mover.on("message", ({ users, of }: MoveProgress) => {
    if (users > of / 2) mover.kill("SIGKILL");
  });
  const [, signal] = (await exit) as [number | null, string | null];
  if (signal !== "SIGKILL") throw new Error("It had moved everything before it was killed");
}

async function summaryOf(mover: ChildProcess): Promise<Moved> {
  let last: unknown;
  mover.on("message", (message) => (last = message));
  const [code] = (await once(mover, "exit")) as [number | null];
  if (code !== 0) throw new Error(`The process that moves exited with code ${code}`);
  return last as Moved; // what it sends at the end
}
