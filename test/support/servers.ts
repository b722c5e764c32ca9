/** Redis servers for tests, each a process of its own on a free port, with a folder of its own. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@keyv/redis";
import { afterAll, beforeAll, describe, onTestFinished } from "vitest";
import { needing, pathOf } from "./needs.ts";
import { freePort, startProgram, type Server } from "./programs.ts";

export type { Server } from "./programs.ts";
export { listening } from "./programs.ts";

/** A server that speaks Redis' protocol. */
export type Program = "redis-server" | "valkey-server";

/** What a server is started with, in one word or several; `null` leaves a setting out. */
export type Settings = Readonly<Record<string, string | readonly string[] | null>>;

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
  return startProgram({
    path: pathOf(program) ?? program,
    words: Object.entries(all).flatMap(([name, value]) =>
      value === null ? [] : [`--${name}`, value].flat(),
    ),
    url,
    port,
    answers: () => answers(port),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  });
}

/**
 * Registers tests that need servers; `server` starts an empty one, which ends with the test that asked for it. Where
 * the program is missing, they are skipped.
 */
export function withServer(
  name: "redis" | "valkey",
  title: string,
  tests: (server: (settings?: Settings) => Promise<Server>) => void,
): void {
  const program = `${name}-server` as const;
  // oxlint-disable-next-line vitest/valid-title -- the test file says it
  describe(title, needing([program]), () =>
    tests(async (settings) => {
      const server = await startServer(program, settings);
      onTestFinished(() => server.stop());
      return server;
    }),
  );
}

/**
 * Registers tests that share one server and run at the same time. `place` is for one test alone: a URL, and a prefix
 * that no other test has. If `REDIS_URL` is set, it is used for Redis as it is, and the keys of these tests are removed.
 */
export function withSharedServer(
  name: "redis" | "valkey",
  title: string,
  tests: (place: () => Promise<{ readonly where: string; readonly prefix: string }>) => void,
  settings: Settings = {},
): void {
  const isShareable = name === "redis" && Object.keys(settings).length === 0;
  const given = isShareable ? process.env["REDIS_URL"] : undefined;
  const program = `${name}-server` as const;
  const prefix = `oneup-test-${process.pid}`;
  const options = needing([program], isShareable ? "REDIS_URL" : undefined);
  // oxlint-disable-next-line vitest/valid-title -- the test file says it
  describe.concurrent(title, options, () => {
    let server: Server | undefined;
    let places = 0;
    beforeAll(async () => {
      if (given === undefined) server = await startServer(program, { appendonly: "no", ...settings });
    });
    afterAll(async () => {
      await server?.stop();
      if (given !== undefined) await removeKeys(given, `${prefix}-*`);
    });
    tests(async () => ({ where: given ?? server?.url ?? "", prefix: `${prefix}-${places++}` }));
  });
}

/** node-redis makes a class of all commands for each new address; a copy of a client shares the class. */
const original = createClient();

/** A client that is connected to this server. */
export async function clientAt(url: string): Promise<typeof original> {
  return original.duplicate({ url }).connect();
}

async function removeKeys(url: string, pattern: string): Promise<void> {
  const client = await clientAt(url);
  for await (const keys of client.scanIterator({ MATCH: pattern, COUNT: 1_000 })) {
    if (keys.length > 0) await client.unlink(keys);
  }
  client.destroy();
}

/** Asks a server something; its answer. */
export async function ask(url: string, ...command: readonly string[]): Promise<unknown> {
  const client = await clientAt(url);
  try {
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}

/** Does a server answer a PING there, with its data loaded? */
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
