/** Starts a script as people do: on the runtime that the test runs on, with words and an environment. */
import { execFile, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { runs } from "./built.ts";
import { installedDeno } from "./needs.ts";
import { withoutWatchdog } from "./without-watchdog.ts";

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** A running process. */
export interface Started {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
  /** Stops reading its standard output, as `head` does, or its standard error. */
  leave(stream?: "stdout" | "stderr"): void;
  /** Resolves with what `pattern` found, once it was printed. */
  said(pattern: RegExp): Promise<string>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Deno, where the test runs on Node: that of this machine, or npm brings the version the project is checked with. */
export async function deno(): Promise<readonly string[]> {
  if (installedDeno !== undefined) return [installedDeno, "run", "-A"];
  const asked = ["-y", "deno@2.9.6", "eval", "console.log(Deno.execPath())"];
  const { stdout } = await promisify(execFile)("npx", asked);
  return [stdout.trim(), "run", "-A"]; // not npx itself, which would take the signals for it
}

/**
 * Starts `path`, which may be relative to the repository: on another runtime, if its words are given. Its standard input
 * is empty; or says `input`, and then stays open and says nothing more.
 */
export function start(
  path: string,
  words: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  runtime?: readonly string[],
  input?: string,
): Started {
  const [command = "", ...before] =
    runtime === undefined ? [process.execPath, ...runs(path)] : [...runtime, path];
  const inherited = Object.entries(process.env).filter(([name]) => !/^ONEUP_|^https?_proxy$/i.test(name));
  const child = spawn(command, [...before, ...words], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), NO_COLOR: "", FORCE_COLOR: "0", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => {}); // it may have ended before
  if (input === undefined) child.stdin.end();
  else child.stdin.write(input);
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, out, err: withoutWatchdog(err) }));
  });
  const pid = child.pid ?? 0;
  return {
    pid,
    ended,
    // Not child.kill(): after that Deno reports the signal, however the process ended.
    kill: (signal) => {
      if (isThere(pid)) process.kill(pid, signal); // it may have ended a moment ago
    },
    leave: (stream = "stdout") => void child[stream].destroy(),
    said: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = pattern.exec(out) ?? pattern.exec(err);
          if (found === null) return;
          for (const stream of [child.stdout, child.stderr]) stream.off("data", look);
          resolve(found[1] ?? found[0]);
        };
        for (const stream of [child.stdout, child.stderr]) stream.on("data", look);
        look();
        void ended.then(() => reject(new Error(`ended without saying ${pattern}:\n${out}\n${err}`)));
      }),
  };
}

/** Is this process there? */
export function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
