/** Redis servers for tests, each a process of its own on a free port, with a folder of its own. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server as NetServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createClient } from "@keyv/redis";
import { afterAll, beforeAll, describe, onTestFinished } from "vitest";

/** A server that speaks Redis' protocol. */
export type Program = "redis-server" | "valkey-server";

/** A running server. */
export interface Server {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly settings: Settings;
  /** Sends the process a signal; resolves when it is gone, or at once for a signal that does not end it. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and folder, once it is gone. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** Is the program on this machine? If not, says what is left out; under CI that is an error. */
export function isInstalled(program: Program, what: string): boolean {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const found = folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) {
    const message = `LEFT OUT: ${what} needs ${program}, which is not in PATH`;
    if (process.env["CI"] === "true") throw new Error(message);
    console.error(message);
  }
  return found;
}

/** What a server is started with; `null` leaves a setting out. */
export type Settings = Readonly<Record<string, string | null>>;

const everyWriteOnDisk: Settings = {
  bind: "127.0.0.1",
  save: "",
  appendonly: "yes",
  appendfsync: "always",
};

/** Starts a server. Every write is on disk before it is acknowledged, unless `settings` say otherwise. */
export async function startServer(program: Program, settings: Settings = {}): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), `oneup-${program}-`));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const all: Settings = { port: String(port), dir: folder, ...everyWriteOnDisk, ...settings };
  const words = Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [`--${name}`, value]));
  let child: ChildProcess;

  async function start(): Promise<void> {
    child = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (said += text));
    for (let tries = 0; !(await answers(port)); tries++) {
      if (child.exitCode !== null || tries > 500) throw new Error(`${program} does not start:\n${said}`);
      await pause(20);
    }
  }

  async function kill(signal: NodeJS.Signals): Promise<void> {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = signal === "SIGSTOP" || signal === "SIGCONT" ? undefined : once(child, "exit");
    process.kill(child.pid, signal); // not child.kill(): Deno takes any signal for the last
    await ended;
  }

  async function stop(): Promise<void> {
    await kill("SIGKILL");
    process.off("exit", abandon);
    rmSync(folder, { recursive: true, force: true });
  }

  const abandon = (): void => void child.kill("SIGKILL");
  process.on("exit", abandon);
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    port,
    get pid() {
      return child.pid ?? 0;
    },
    settings: all,
    kill,
    restart: start,
    stop,
  };
}

/**
 * Registers tests that need servers; `server` starts an empty one, which ends with the test that asked for it. Where
 * the program is missing, says loudly what is left out.
 */
export function withServer(
  name: "redis" | "valkey",
  title: string,
  tests: (server: (settings?: Settings) => Promise<Server>) => void,
): void {
  const program = `${name}-server` as const;
  if (!isInstalled(program, title)) return;
  // oxlint-disable-next-line vitest/valid-title -- the test file says it
  describe(title, () =>
    tests(async (settings) => {
      const server = await startServer(program, settings);
      onTestFinished(() => server.stop());
      return server;
    }),
  );
}

let started: Promise<void> = Promise.resolve();

/**
 * Registers tests that share one server and run at the same time. `place` is for one test alone: a URL, and a prefix
 * that nobody else has; it lets them start one after the other, so that the first moment is no worse than the rest.
 * They wait for real time, so where the machine was busy at the wrong moment they get another chance.
 * If `REDIS_URL` is set, it is used for Redis as it is, and the keys of these tests are removed.
 */
export function withSharedServer(
  name: "redis" | "valkey",
  title: string,
  tests: (place: () => Promise<{ readonly where: string; readonly prefix: string }>) => void,
  settings: Settings = {},
): void {
  const isPlain = Object.keys(settings).length === 0;
  const given = name === "redis" && isPlain ? process.env["REDIS_URL"] : undefined;
  const program = `${name}-server` as const;
  if (given === undefined && !isInstalled(program, title)) return;
  const prefix = `oneup-test-${process.pid}`;
  // oxlint-disable-next-line vitest/valid-title -- the test file says it
  describe.concurrent(title, { retry: 2 }, () => {
    let server: Server | undefined;
    let places = 0;
    beforeAll(async () => {
      if (given === undefined) server = await startServer(program, { appendonly: "no", ...settings });
    });
    afterAll(async () => {
      await server?.stop();
      if (given !== undefined) await removeKeys(given, `${prefix}-*`);
    });
    tests(async () => {
      await (started = started.then(() => pause(25)));
      return { where: given ?? server?.url ?? "", prefix: `${prefix}-${places++}` };
    });
  });
}

async function removeKeys(url: string, pattern: string): Promise<void> {
  const client = await createClient({ url }).connect();
  for await (const keys of client.scanIterator({ MATCH: pattern, COUNT: 1_000 })) {
    if (keys.length > 0) await client.unlink(keys);
  }
  client.destroy();
}

/** Asks a server something; its answer. */
export async function ask(url: string, ...command: readonly string[]): Promise<unknown> {
  const client = await createClient({ url }).connect();
  try {
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}

/** Listens on a free port of loopback; which. */
export async function listening(server: NetServer): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port; // it listens on TCP
}

export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  server.close();
  await once(server, "close");
  return port;
}

/** Does somebody answer a PING there, and has loaded its data? */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    socket.setTimeout(1_000, () => socket.destroy(new Error("silence")));
    socket.write("PING\r\n");
    const [reply] = await once(socket, "data");
    return !String(reply).startsWith("-LOADING");
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
