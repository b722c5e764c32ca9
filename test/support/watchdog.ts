/**
 * Tells what is going on when a test file is silent for 90 s (`ONEUP_TEST_SILENCE_MS`): which tests run, and where the
 * code of every process of the run stands. If the silence lasts, the worker is ended, and the run fails.
 */
import { spawn } from "node:child_process";
import process from "node:process";
import type { RunnerTask, RunnerTestFile } from "vitest";
import type { TestProject } from "vitest/node";
import { onDeno, runs } from "./built.ts";
import { askable } from "./stacks.ts";
import type { Silence, Watch } from "./watchdog.child.ts";

const limitMs = Number(process.env["ONEUP_TEST_SILENCE_MS"] ?? 90_000);
/** A hook may take so long; see the configuration. */
const hookMs = 180_000;

/** Vitest calls it before the first test; what it returns, after the last. */
export function setup({ vitest }: TestProject): (() => void) | undefined {
  if (onDeno || vitest.config.watch) return undefined; // a person sees a test that hangs
  process.env["NODE_OPTIONS"] = [process.env["NODE_OPTIONS"], askable].filter(Boolean).join(" ");
  const watch: Watch = { pid: process.pid, limitMs };
  const child = spawn(process.execPath, [...runs("test/support/watchdog.child.ts"), JSON.stringify(watch)], {
    stdio: ["pipe", "inherit", "inherit"],
  });
  child.on("error", () => {}); // the tests can do without
  child.stdin.on("error", () => {});
  const heard = new Map<string, { readonly what: string; readonly at: number }>();

  function silenceOf(name: string, what: string, tasks: readonly RunnerTask[]): Silence {
    const now = performance.now();
    const before = heard.get(name);
    const last = before?.what === what ? before : { what, at: now };
    heard.set(name, last);
    const running = tasks.filter(({ type, result }) => type === "test" && result?.state === "run");
    return {
      file: name,
      ms: now - last.at,
      running: running.map((task) => task.name),
      allowedMs: Math.max(
        0,
        ...running.map((task) => (task.type === "test" ? task.timeout : 0)),
        running.length > 0 ? 0 : hookMs,
      ),
    };
  }

  function look(): void {
    const files = vitest.state.getFiles().map((file) => ({ file, tasks: tasksOf(file) }));
    const under = files.filter(({ file }) => file.result?.state === "run");
    const all = silenceOf(
      "The run as a whole",
      files.map(({ file, tasks }) => wordsOf(file, tasks)).join(),
      [],
    );
    const each = under.map(({ file, tasks }) => silenceOf(file.name, wordsOf(file, tasks), tasks));
    const silent = each.some(({ ms }) => ms >= limitMs) ? each : [...each, all];
    child.stdin.write(`${JSON.stringify(silent)}\n`);
  }

  const timer = setInterval(look, Math.min(2_000, limitMs / 4));
  return () => {
    clearInterval(timer);
    // It watches until this process is gone, and must not keep it.
    child.unref();
    (child.stdin as unknown as { unref?(): void }).unref?.(); // a pipe is a socket
  };
}

function tasksOf(file: RunnerTestFile): readonly RunnerTask[] {
  const below = (task: RunnerTask): readonly RunnerTask[] =>
    task.type === "suite" ? [task, ...task.tasks.flatMap(below)] : [task];
  return below(file);
}

/** Changes with everything that is heard of the file. */
function wordsOf(file: RunnerTestFile, tasks: readonly RunnerTask[]): string {
  const states = tasks.map(({ result }) => result?.state ?? "");
  const count = (state: string): number => states.filter((one) => one === state).length;
  const retries = tasks.reduce(
    (sum, { result }) => sum + (result?.retryCount ?? 0) + (result?.repeatCount ?? 0),
    0,
  );
  return `${file.id} ${tasks.length} ${count("")} ${count("run")} ${retries}`;
}
