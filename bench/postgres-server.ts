/**
 * A PostgreSQL server for the benchmark, with default settings: it syncs on every commit.
 *
 * @module
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, chown, mkdtemp, readdir, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "./redis-server.ts";

/** A running server. */
export interface PostgresServer {
  /** URL of an empty database. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Where Debian installs programs that are not in `PATH`. */
const debian = "/usr/lib/postgresql";

async function program(name: string): Promise<string | undefined> {
  const inPath = (process.env["PATH"] ?? "").split(delimiter);
  const versions = existsSync(debian) ? await readdir(debian) : [];
  const folders = [...versions.map((version) => join(debian, version, "bin")), ...inPath];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** Whether a server can be started or is given. */
export async function postgresIsThere(): Promise<boolean> {
  if (process.env["POSTGRES_URL"] !== undefined) return true;
  return (await program("initdb")) !== undefined && (await program("postgres")) !== undefined;
}

/** PostgreSQL refuses to run as root, so in that case it runs as the user `postgres`. */
async function whoRunsIt(): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const id = async (what: string): Promise<number> =>
    Number((await promisify(execFile)("id", [what, "postgres"])).stdout);
  return { uid: await id("-u"), gid: await id("-g") };
}

/** Starts `postgres`, or uses the database of `POSTGRES_URL`. */
export async function startPostgres(): Promise<PostgresServer> {
  const given = process.env["POSTGRES_URL"];
  if (given !== undefined) return { url: given, stop: async () => {} };
  const [initdb, postgres] = [await program("initdb"), await program("postgres")];
  if (initdb === undefined || postgres === undefined)
    throw new Error("Cannot start PostgreSQL: it is not installed");
  const folder = await mkdtemp(join(tmpdir(), "oneup-bench-postgres-"));
  const who = await whoRunsIt();
  if (who !== undefined) {
    await chown(folder, who.uid, who.gid);
    await chmod(folder, 0o700);
  }
  const port = await freePort();
  await promisify(execFile)(
    initdb,
    ["-D", folder, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C"],
    {
      ...who,
      cwd: folder,
    },
  );
  const settings = { port, listen_addresses: "127.0.0.1", unix_socket_directories: folder };
  const words = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = spawn(postgres, ["-D", folder, ...words], { ...who, cwd: folder, stdio: "ignore" });
  for (let tries = 0; !(await answers(port)); tries++) {
    if (server.exitCode !== null || tries === 200)
      throw new Error("Cannot start postgres: it does not respond");
    await wait(50);
  }
  return {
    url: `postgres://bench@127.0.0.1:${port}/postgres`,
    async stop() {
      const exit = once(server, "exit");
      server.kill("SIGINT"); // closes the connections and stops its child processes
      await exit;
      await rm(folder, { recursive: true });
    },
  };
}

/** Whether it accepts connections. It listens before it does, and answers a valid startup message with `R`. */
async function answers(port: number): Promise<boolean> {
  const socket = createConnection({ port, host: "127.0.0.1" });
  try {
    await once(socket, "connect");
    const words = Buffer.from("user\0bench\0database\0postgres\0\0");
    const head = Buffer.alloc(8);
    head.writeInt32BE(8 + words.length, 0);
    head.writeInt32BE(196_608, 4); // version 3.0 of the protocol
    socket.write(Buffer.concat([head, words]));
    const [answer] = (await once(socket, "data")) as [Buffer];
    return answer[0] === "R".charCodeAt(0);
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
