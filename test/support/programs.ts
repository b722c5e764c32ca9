/** Servers as processes of a test's own: found on this machine, started, killed, started again. */
import { spawn, type ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type AddressInfo, type Server as NetServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { isThere } from "./started.ts";

/** A running server. */
export interface Server {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Sends the process a signal; resolves when it is gone, or at once for a signal that does not end it. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and folder, once it is gone. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** What is run, and how to tell that it is there. */
export interface Program {
  readonly path: string;
  readonly words: readonly string[];
  readonly url: string;
  readonly port: number;
  /** Who runs it, for programs that refuse root. */
  readonly as?: { readonly uid: number; readonly gid: number } | undefined;
  /** Does it answer? Asked until it does. */
  answers(): Promise<boolean>;
  /** Removes what it leaves behind. */
  remove(): void;
}

/** Starts a program; resolves when it answers. Its processes end with this one, at the latest. */
export async function startProgram(program: Program): Promise<Server> {
  const { path, words, url, port, answers, remove } = program;
  let child: ChildProcess;

  async function start(): Promise<void> {
    child = spawn(path, words, { stdio: ["ignore", "pipe", "pipe"], ...program.as });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-4_000)));
    }
    for (let tries = 0; !(await answers()); tries++) {
      if (isOver(child) || tries > 500) throw new Error(`${path} does not start:\n${said}`);
      await pause(20);
    }
  }

  async function kill(signal: NodeJS.Signals): Promise<void> {
    const { pid } = child;
    if (pid === undefined || isOver(child)) return;
    const ended = signal === "SIGSTOP" || signal === "SIGCONT" ? undefined : once(child, "exit");
    // Those that would outlive it: who cannot catch the signal is not told by the first process either.
    const others = ["SIGKILL", "SIGSTOP", "SIGCONT"].includes(signal) ? childrenOf(pid) : [];
    process.kill(pid, signal); // not child.kill(): Deno takes any signal for the last
    for (const other of others) if (isThere(other)) process.kill(other, signal);
    await ended;
    if (ended !== undefined) while (others.some(isRunning)) await pause(5);
  }

  async function stop(): Promise<void> {
    await kill("SIGKILL");
    process.off("exit", abandon);
    remove();
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
    kill,
    restart: start,
    stop,
  };
}

function isOver(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Processes that this one started. */
function childrenOf(pid: number): readonly number[] {
  try {
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return pids.split(" ").map(Number).filter(Boolean);
  } catch {
    return []; // another kind of system
  }
}

/** Is it there, and not merely waiting to be buried? */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Listens on a free port of this machine. */
export async function listening(server: NetServer): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port; // it listens on TCP
}

/** Workers of the tests, each with ports of its own. */
const shares = 16;
const portsOfShare = 1_375;
const taken = new Set<number>();

/**
 * A port that no server listens on, and that no connection gets either: a server that is away for some seconds finds
 * it free again. Systems give connections ports above these, and no other worker or server of the tests gets it.
 */
export async function freePort(): Promise<number> {
  const first = 10_000 + (Number(process.env["VITEST_POOL_ID"] ?? 0) % shares) * portsOfShare;
  for (;;) {
    const port = randomInt(first, first + portsOfShare);
    if (taken.has(port)) continue;
    const server = createServer();
    server.listen(port, "127.0.0.1");
    const isFree = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    taken.add(port);
    server.close();
    await once(server, "close");
    return port;
  }
}
