/** Starts a TypeScript file as a process of its own, on the runtime the test runs on. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** How a child ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** A running child. */
export interface Child {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when a line with this text was printed. */
  said(text: string): Promise<void>;
}

/** Starts `script` (a URL beside the test) with one JSON argument. */
export function startChild(script: URL, argument: unknown): Child {
  const path = fileURLToPath(script);
  const before = "Deno" in globalThis ? ["run", "-A", "--node-modules-dir=manual"] : ["--import", "tsx"];
  const child = spawn(process.execPath, [...before, path, JSON.stringify(argument)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  const listeners = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    for (const listener of listeners) listener();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, out, err }));
  });
  return {
    pid: child.pid ?? 0,
    ended,
    kill: (signal) => void child.kill(signal),
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!out.includes(text)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
        void ended.then(() => reject(new Error(`the child ended before it said "${text}":\n${out}\n${err}`)));
      }),
  };
}

/** The JSON argument of this process. */
export function argument<T>(): T {
  return JSON.parse(process.argv[2] ?? "null") as T; // the parent is our own test
}

/** Runs `task` for every item, `width` at a time. */
export async function each<T>(
  items: readonly T[],
  width: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const lane = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await task(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
