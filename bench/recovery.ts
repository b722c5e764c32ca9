/**
 * What a crash costs: an application is killed in the middle of an import, and started again a second later.
 *
 * @module
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Lifecycle, LifecycleOptions } from "oneup-lifecycle";
import { createLifecycle, createSandbox, keyFile, lmdb, redis } from "./product.ts";
import { redisIsThere, startRedis } from "./redis-server.ts";
import type { Measurement } from "./report.ts";
import { inLoops, median } from "./rounds.ts";
import type { Effort } from "./settings.ts";

const users = Array.from({ length: 2_000 }, (_, index) => `user-${index}@example.org`);
const latencyMs = 20;
/** Users under way at a time, 64 in all: the application's own calls, and its worker for the interrupted. */
const atATime = { onboarded: 48, worked: 16 };
/** A lease outlives the call it covers, so the time limit of a call follows from it. */
const times = { leaseMs: 2_000, timeoutMs: 1_500, graceMs: 400 };
const awayMs = 1_000;

/** Where the users of a round are kept, in words that the application can be told. */
type Place =
  | { readonly type: "lmdb"; readonly path: string; readonly key: string }
  | { readonly type: "redis"; readonly url: string; readonly key: string };

/** What the application is told. */
export interface Told {
  readonly place: Place;
  readonly options: Pick<LifecycleOptions, "credentials" | "endpoints" | "limits" | keyof typeof times>;
  readonly users: readonly string[];
  readonly atATime: typeof atATime;
}

/** What became of the users of one round. */
interface Outcome {
  readonly createdTwice: number;
  readonly failed: number;
  /** Those for whom no FHIR call succeeds afterwards. */
  readonly lost: number;
  /** From the restart until the application has a token for each. */
  readonly allDoneMs: number;
}

/** Users in LMDB. */
export async function recoveryOnLmdb({ crashes }: Effort): Promise<Measurement[]> {
  const outcomes: Outcome[] = [];
  for (let index = 0; index < crashes; index++) {
    const folder = await mkdtemp(join(tmpdir(), "oneup-bench-"));
    const place = { type: "lmdb", path: join(folder, "store"), key: join(folder, "store.key") } as const;
    try {
      outcomes.push(await crash(place));
    } finally {
      await rm(folder, { recursive: true });
    }
  }
  return measurements("recovery", outcomes);
}

/** Users in Redis, where there is one. */
export async function recoveryOnRedis({ crashes }: Effort): Promise<Measurement[]> {
  if (!(await redisIsThere())) {
    console.error("LEFT OUT: recovery.redis needs redis-server in PATH, or REDIS_URL");
    return [];
  }
  const outcomes: Outcome[] = [];
  for (let index = 0; index < crashes; index++) {
    const { url, stop } = await startRedis();
    try {
      outcomes.push(await crash({ type: "redis", url, key: "0f".repeat(32) }));
    } finally {
      await stop();
    }
  }
  return measurements("recovery.redis", outcomes);
}

/** Everybody of all rounds; of the times, the median. */
function measurements(name: string, outcomes: readonly Outcome[]): Measurement[] {
  const sum = (of: Exclude<keyof Outcome, "allDoneMs">): number =>
    outcomes.reduce((total, outcome) => total + outcome[of], 0);
  const counted = { unit: "users", bar: 0, atMost: true } as const;
  const seconds = median(outcomes.map(({ allDoneMs }) => allDoneMs)) / 1_000;
  return [
    { name: `${name}.created_twice`, value: sum("createdTwice"), ...counted },
    { name: `${name}.failed`, value: sum("failed"), ...counted },
    { name: `${name}.lost`, value: sum("lost"), ...counted },
    { name: `${name}.all_done_s`, value: seconds, unit: "s", bar: 3, atMost: true },
  ];
}

async function crash(place: Place): Promise<Outcome> {
  const sandbox = createSandbox({ limit: { calls: Infinity }, latencyMs });
  const server = await sandbox.listen();
  const options: Told["options"] = {
    credentials: sandbox.credentials,
    endpoints: { api: server.url, auth: server.url },
    limits: { management: { calls: 1e9, windowMs: 3_600_000 } },
    ...times,
  };
  const start = (): ChildProcess =>
    fork(fileURLToPath(new URL("recovery-worker.mjs", import.meta.url)), [
      JSON.stringify({ place, options, users, atATime } satisfies Told),
    ]);
  try {
    const first = start();
    while (sandbox.journal.count() < users.length) await wait(1); // half of the two calls that each of them takes
    first.kill("SIGKILL");
    await once(first, "exit");
    await wait(awayMs);

    const begun = performance.now();
    const second = start();
    await Promise.race([once(second, "message"), once(second, "exit").then(endedEarly)]);
    const allDoneMs = performance.now() - begun;
    await once(second, "exit");

    const lifecycle = await createLifecycle({
      ...options,
      store: place.type === "lmdb" ? lmdb(place.path) : redis(place.url),
      encryption: place.type === "lmdb" ? keyFile(place.key) : { keys: [place.key] },
    });
    try {
      const { failed = 0 } = await lifecycle.counts();
      const lost = await withoutAccess(lifecycle);
      return { createdTwice: sandbox.journal.createdTwice().length, failed, lost, allDoneMs };
    } finally {
      await lifecycle.close();
    }
  } finally {
    await server.close();
  }
}

function endedEarly([code]: readonly unknown[]): never {
  throw new Error(
    `Cannot measure: the application ended with code ${String(code)} before all users had a token`,
  );
}

async function withoutAccess(lifecycle: Lifecycle): Promise<number> {
  let lost = 0;
  await inLoops(users, atATime.onboarded, async (id) => {
    await lifecycle
      .fhir(id, "r4")
      .create({ resourceType: "Patient" })
      .catch(() => lost++);
  });
  return lost;
}
