/**
 * A worker process of the demo: a real process that runs the library, so that killing it proves something.
 *
 * Reads its task from standard input and works until that closes: no worker outlives the demo, however the demo ends.
 * Its store is in a folder. LMDB is loaded only here, so that no other command needs it.
 *
 * @module
 */
import { createInterface } from "node:readline";
import { linkSignals } from "../../abort.ts";
import { createLifecycle, keyFile } from "../../index.ts";
import { loadLmdb } from "../../load-lmdb.ts";
import { connectSandboxClock } from "../../sandbox/index.ts";
import type { StoreAdapter } from "../../store/contract.ts";

/** The hidden command that starts it. */
export const workerCommand = "demo-worker";

/** The worker's input. */
export interface Task {
  /** The sandbox's origin. */
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly store: string;
  readonly key: string;
  readonly users: readonly string[];
}

/** Short times, in ms, so that a dead worker's users are taken over soon. The defaults are for production. */
export const times = { timeoutMs: 2_000, graceMs: 500, leaseMs: 3_000 } as const;

/** How many users a worker processes at once. */
const concurrency = 6;

/** Reads the task, and works on it until standard input closes or `signal` aborts. */
export async function runWorker(signal: AbortSignal): Promise<number> {
  const lines = createInterface({ input: process.stdin });
  const stop = linkSignals(signal);
  lines.once("close", () => stop.abort());
  try {
    const task = await new Promise<Task | null>((resolve) => {
      lines.once("line", (line) => resolve(JSON.parse(line) as Task)); // from our own parent
      lines.once("close", () => resolve(null));
    });
    if (task !== null) await perform(task, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    stop.release();
    lines.close();
  }
  return 0;
}

/** Onboards the users of the task, and runs a worker. */
async function perform(task: Task, signal: AbortSignal): Promise<void> {
  const { url, clientId, clientSecret } = task;
  const clock = await connectSandboxClock(url, { signal });
  const lifecycle = await createLifecycle({
    credentials: { clientId, clientSecret },
    endpoints: { api: url, auth: url },
    store: await folderStore(task.store),
    encryption: keyFile(task.key),
    refresh: { policy: "eager" },
    clock,
    ...times,
  });
  const left = [...task.users];
  async function onboard(): Promise<void> {
    for (let user = left.shift(); user !== undefined && !signal.aborted; user = left.shift()) {
      await lifecycle.onboard(user, { waitMs: 60_000, signal });
    }
  }
  try {
    const due = lifecycle.work({ concurrency, signal });
    await Promise.all([due, ...Array.from({ length: concurrency }, onboard)]);
  } finally {
    await lifecycle.close();
    clock.close();
  }
}

export async function folderStore(path: string): Promise<StoreAdapter> {
  return (await loadLmdb())(path);
}
