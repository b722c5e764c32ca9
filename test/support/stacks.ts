/**
 * What a Node process is doing, asked from outside: SIGUSR1 opens its inspector, which answers while its event loop is
 * idle, and interrupts code that runs for ever. A process that waits in native code answers to `gdb` alone.
 */
import { execFile } from "node:child_process";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { WebSocket } from "undici";
import { pathOf } from "./needs.ts";
import { portsOf, type Running } from "./processes.ts";

/** What Node must be started with, so that many processes can be asked, each on a port of its own, and none prints it. */
export const askable = "--inspect-port=127.0.0.1:0 --inspect-publish-uid=http";

/** What is known of a process. */
export interface Told {
  readonly lines: readonly string[];
  /** The test file that runs there, if it is one of Vitest's workers and answers. */
  readonly file: string | undefined;
  /** Did its own code answer? */
  readonly answered: boolean;
}

const patienceMs = 5_000; // the machine may be busy

/** Evaluated there: all that keeps it from ending, in a few lines. */
const question = `(() => {
  const { report } = process;
  report.excludeNetwork = true;
  const { libuv } = report.getReport();
  const inner = ["async", "check", "loop", "prepare", "signal"];
  const handles = libuv.filter((one) => one.is_active && !inner.includes(one.type));
  const names = ["pid", "fd", "localEndpoint", "remoteEndpoint", "firesInMsFromNow", "filename", "writeQueueSize"];
  const words = (one) => [one.type, one.is_referenced ? "" : " (keeps nothing alive)",
    ...names.map((name) => (one[name] ? " " + name + " " + JSON.stringify(one[name]) : ""))].join("");
  return JSON.stringify({
    file: globalThis.__vitest_worker__?.filepath,
    resources: process.getActiveResourcesInfo(),
    handles: handles.map(words),
  });
})()`;

interface Answer {
  readonly file?: string;
  readonly resources: readonly string[];
  readonly handles: readonly string[];
}

/** Asks a process; never rejects. */
export async function ask({ pid, state, isNode }: Running): Promise<Told> {
  if (!isNode || state === "Z") return { lines: [], file: undefined, answered: false };
  if (state === "T") return { lines: ["it was stopped by a signal"], file: undefined, answered: false };
  try {
    const inspector = await connect(pid);
    try {
      return await inspect(inspector, pid);
    } finally {
      inspector.close();
    }
  } catch (error) {
    return { lines: [String(error), ...(await nativeStacks(pid))], file: undefined, answered: false };
  }
}

async function inspect(inspector: Inspector, pid: number): Promise<Told> {
  const answer = await inspector.call("Runtime.evaluate", { expression: question });
  const text = (answer as { result?: { value?: string } } | undefined)?.result?.value; // as the protocol says
  const told = text === undefined ? undefined : (JSON.parse(text) as Answer); // as the question says
  const frames = await inspector.pausedAt();
  const stack = frames.length === 0 ? [] : ["it runs:", ...frames];
  if (told === undefined) {
    const native = frames.length > 0 ? [] : await nativeStacks(pid);
    return { lines: ["it does not answer", ...stack, ...native], file: undefined, answered: false };
  }
  return {
    lines: [`it waits for: ${told.resources.join(", ")}`, ...told.handles, ...stack],
    file: told.file,
    answered: true,
  };
}

async function nativeStacks(pid: number): Promise<readonly string[]> {
  const gdb = pathOf("gdb");
  if (gdb === undefined) return ["its native code is not known: gdb is not on this machine"];
  const words = ["-p", String(pid), "-batch", "-ex", "thread apply all bt 25"];
  const { stdout } = await promisify(execFile)(gdb, words, { timeout: 30_000, maxBuffer: 1e8 }).catch(
    (error: unknown) => ({ stdout: String(error) }),
  );
  return stdout.split("\n").filter((line) => /^(?:Thread|#)/.test(line));
}

interface Inspector {
  /** The result; undefined, if there is none in time. */
  call(method: string, params?: object): Promise<unknown>;
  /** Where the code is that runs now; nowhere, if none does. */
  pausedAt(): Promise<readonly string[]>;
  close(): void;
}

async function connect(pid: number): Promise<Inspector> {
  process.kill(pid, "SIGUSR1");
  const socket = new WebSocket(await addressOf(pid));
  const waiting = new Map<number, (result: unknown) => void>();
  const urls = new Map<string, string>();
  let paused: (frames: readonly Frame[]) => void = () => {};
  let calls = 0;
  socket.addEventListener("message", ({ data }) => {
    const { id, result, method, params } = JSON.parse(String(data)) as Message; // the inspector's protocol
    if (id !== undefined) waiting.get(id)?.(result);
    if (method === "Debugger.scriptParsed") urls.set(params?.scriptId ?? "", params?.url ?? "");
    if (method === "Debugger.paused") paused(params?.callFrames ?? []);
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", () => reject(new Error("its inspector takes no connection")));
  });
  const call = async (method: string, params: object = {}): Promise<unknown> => {
    const id = ++calls;
    const answer = new Promise((resolve) => waiting.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params }));
    return Promise.race([answer, pause(patienceMs)]);
  };
  return {
    call,
    async pausedAt() {
      const here = new Promise<readonly Frame[]>((resolve) => (paused = resolve));
      await call("Debugger.enable");
      await call("Debugger.pause");
      const frames = await Promise.race([here, pause(patienceMs, [])]);
      await call("Debugger.disable"); // it goes on
      return frames.slice(0, 40).map(({ functionName, url, location }) => {
        const { scriptId, lineNumber, columnNumber = 0 } = location;
        const where = `${url || (urls.get(scriptId) ?? "")}:${lineNumber + 1}:${columnNumber + 1}`;
        return `    at ${functionName || "(anonymous)"} (${where})`;
      });
    },
    close: () => socket.close(),
  };
}

interface Frame {
  readonly functionName: string;
  readonly url: string;
  readonly location: {
    readonly scriptId: string;
    readonly lineNumber: number;
    readonly columnNumber?: number;
  };
}

interface Message {
  readonly id?: number;
  readonly result?: unknown;
  readonly method?: string;
  readonly params?: {
    readonly scriptId?: string;
    readonly url?: string;
    readonly callFrames?: readonly Frame[];
  };
}

/** Where its inspector listens. */
async function addressOf(pid: number): Promise<string> {
  for (let tries = 0; tries < 60; tries++) {
    await pause(100);
    for (const port of portsOf(pid)) {
      const targets = await fetch(`http://127.0.0.1:${port}/json/list`, { signal: AbortSignal.timeout(500) })
        .then((answer) => answer.json())
        .catch(() => undefined); // another server of it
      const [target] = Array.isArray(targets) ? (targets as { webSocketDebuggerUrl?: string }[]) : [];
      if (target?.webSocketDebuggerUrl !== undefined) return target.webSocketDebuggerUrl;
    }
  }
  throw new Error("its inspector does not listen");
}
