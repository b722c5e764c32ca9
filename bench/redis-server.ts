/**
 * A Redis server for the benchmark that syncs its log on every write.
 *
 * @module
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { createClient } from "@keyv/redis";

/** A running server. */
export interface RedisServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Whether a server can be started or is given. */
export async function redisIsThere(): Promise<boolean> {
  if (process.env["REDIS_URL"] !== undefined) return true;
  return promisify(execFile)("redis-server", ["--version"]).then(
    () => true,
    () => false,
  );
}

/** Starts `redis-server`, or uses the one of `REDIS_URL`. */
export async function startRedis(): Promise<RedisServer> {
  const given = process.env["REDIS_URL"];
  if (given !== undefined) return { url: given, stop: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), "oneup-bench-redis-"));
  const port = await freePort();
  const settings = {
    port,
    dir: folder,
    bind: "127.0.0.1",
    save: "",
    appendonly: "yes",
    appendfsync: "always",
  };
  const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = spawn("redis-server", words, { stdio: "ignore" });
  const url = `redis://127.0.0.1:${port}`;
  for (let tries = 0; !(await answers(url)); tries++) {
    if (server.exitCode !== null || tries === 100)
      throw new Error("Cannot start redis-server: it does not respond");
    await wait(50);
  }
  return {
    url,
    async stop() {
      server.kill("SIGKILL");
      await once(server, "exit");
      await rm(folder, { recursive: true });
    },
  };
}

/** A free port of this machine. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("Cannot find a free port");
  return address.port;
}

async function answers(url: string): Promise<boolean> {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on("error", () => {}); // connect() reports it
  try {
    await client.connect();
    client.destroy();
    return true;
  } catch {
    return false;
  }
}
