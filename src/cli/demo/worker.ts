/**
 * A worker process of the demo: a real process with the library in it, so that killing it proves something.
 *
 * Its task comes on standard input, and it works until that closes: no worker outlives the demo, however that ends.
 *
 * @module
 */
import { createInterface } from "node:readline";
import { createLifecycle, keyFile } from "../../index.ts";
import { connectSandboxClock } from "../../sandbox/index.ts";
import { lmdb } from "../../../adapters/lmdb.ts";

/** The hidden command. */
export const workerCommand = "demo-worker";

/** What a worker is told. */
export interface Task {
  /** Where the sandbox listens. */
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly store: string;
  readonly key: string;
  readonly users: readonly string[];
}

/** So short that nobody waits long for the users of a dead worker, ms. The defaults are for production. */
export const times = { timeoutMs: 2_000, graceMs: 500, leaseMs: 3_000 } as const;

/** How many users a worker has in hand at once. */
const concurrency = 6;

/** Waits for its task, and works on it until standard input closes or `signal` aborts. */
export async function runWorker(signal: AbortSignal): Promise<number> {
  const lines = createInterface({ input: process.stdin });
  const stop = new AbortController();
  lines.once("close", () => stop.abort());
  signal.addEventListener("abort", () => stop.abort(), { once: true });
  try {
    const task = await new Promise<Task | null>((resolve) => {
      lines.once("line", (line) => resolve(JSON.parse(line) as Task)); // from our own parent
      lines.once("close", () => resolve(null));
    });
    if (task !== null) await perform(task, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    lines.close();
  }
  return 0;
}

/** Onboards everybody it was told of, and works for whoever is due. */
async function perform(task: Task, signal: AbortSignal): Promise<void> {
  const { url, clientId, clientSecret } = task;
  const clock = await connectSandboxClock(url, { signal });
  const lifecycle = await createLifecycle({
    credentials: { clientId, clientSecret },
    endpoints: { api: url, auth: url },
    store: lmdb(task.store),
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
