/**
 * Sets up what the demo needs: a sandbox, a folder, worker processes, and a read-only view of the store.
 *
 * @module
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../clock.ts";
import { isLifecycleError } from "../../errors.ts";
import { createLifecycle, keyFile, type Lifecycle, type UserStatus } from "../../index.ts";
import { loadLmdb } from "../../load-lmdb.ts";
import { createSandbox, type Sandbox } from "../../sandbox/index.ts";
import { times, workerCommand, type Task } from "./worker.ts";

/** A worker process. */
export interface WorkerProcess {
  readonly pid: number;
  /** It exited without being asked to. */
  readonly died: boolean;
  /** Sends `kill -9`. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** Asks it to exit, and kills it after a timeout. */
  end(): Promise<void>;
}

/** See {@link setStage}. */
export interface Stage {
  readonly sandbox: Sandbox;
  readonly url: string;
  readonly folder: string;
  /** This process's own lifecycle on the workers' store. It starts no worker. */
  readonly lifecycle: Lifecycle;
  startWorker(users: readonly string[]): WorkerProcess;
  /** The users' statuses in the store; null for a user that is not in it. */
  look(users: readonly string[]): Promise<(UserStatus | null)[]>;
  /** Ends every process and connection, and removes the folder unless it is to be kept. */
  strike(options: { readonly keep: boolean }): Promise<void>;
}

/** The sandbox's latency, in ms: long enough for a kill to interrupt calls at any time. */
const latencyMs = [60, 180] as const;

/** How long a new resource stays invisible in the sandbox, in ms. 1upHealth documents less than a second. */
const readLagMs = 400;

/** Sets up the demo. `self` is the path of the command's main module. */
export async function setStage(self: string): Promise<Stage> {
  const lmdb = await loadLmdb();
  const folder = await mkdtemp(join(tmpdir(), "oneup-lifecycle-demo-"));
  const removed = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const sandbox = createSandbox({ latencyMs, readLagMs });
  const server = await sandbox.listen().catch(async (error: unknown) => {
    await removed();
    throw error;
  });
  const { clientId, clientSecret } = sandbox.credentials;
  const place = { store: join(folder, "store"), key: join(folder, "lifecycle.key") };
  const lifecycle = await createLifecycle({
    credentials: sandbox.credentials,
    endpoints: server.endpoints,
    store: lmdb(place.store),
    encryption: keyFile(place.key),
    clock: sandbox.clock,
    events: { keep: "1d" }, // so that the page shows the steps of the workers
    ...times,
  }).catch(async (error: unknown) => {
    await server.close(); // an open server would keep the process alive and hide the error
    await removed();
    throw error;
  });
  const workers: WorkerProcess[] = [];
  return {
    sandbox,
    url: server.url,
    folder,
    lifecycle,
    startWorker(users) {
      const worker = startProcess(self, { url: server.url, clientId, clientSecret, ...place, users });
      workers.push(worker);
      return worker;
    },
    look: (users) => Promise.all(users.map((user) => inspect(lifecycle, user))),
    async strike({ keep }) {
      await Promise.all(workers.map((worker) => worker.end()));
      await lifecycle.close();
      await server.close();
      if (!keep) await removed();
    },
  };
}

async function inspect(lifecycle: Lifecycle, user: string): Promise<UserStatus | null> {
  try {
    return await lifecycle.inspect(user);
  } catch (error) {
    if (isLifecycleError(error, "USER_UNKNOWN")) return null;
    throw error;
  }
}

/** How long a worker may take to exit by itself, in ms. */
const farewellMs = 3_000;

function startProcess(self: string, task: Task): WorkerProcess {
  const main = self.startsWith("file:") ? fileURLToPath(self) : self;
  const runtime = "deno" in process.versions ? ["run", "-A"] : process.execArgv;
  const child: ChildProcess = spawn(process.execPath, [...runtime, main, workerCommand], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  const gone = once(child, "exit");
  gone.catch(() => {}); // it could not be started: `died` reports it
  let asked = false;
  child.stdin?.on("error", () => {}); // it is gone: `died` reports it
  child.stdin?.write(`${JSON.stringify(task)}\n`);
  const kill = async (): Promise<void> => {
    asked = true;
    child.kill("SIGKILL");
    await gone.catch(() => {});
  };
  return {
    pid: child.pid ?? 0,
    get died() {
      return !asked && (child.exitCode !== null || child.signalCode !== null || child.pid === undefined);
    },
    kill,
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      asked = true;
      child.stdin?.end();
      const insist = systemClock.timer(farewellMs, () => child.kill("SIGKILL"));
      await gone.catch(() => {});
      insist();
    },
  };
}
