/**
 * Watches a run of tests from a process of its own. Its input says, line by line, what is silent. What is silent for too
 * long is told about, with what every process of the run is doing; if that lasts, the worker is ended, and the run fails.
 * If the run itself is silent, it is ended.
 */
import process, { kill } from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { argument } from "./child.ts";
import { descendantsOf, type Running } from "./processes.ts";
import { ask } from "./stacks.ts";

/** What the parent says first. */
export interface Watch {
  /** The run's process. */
  readonly pid: number;
  /** After how much silence it is told about, in milliseconds. */
  readonly limitMs: number;
}

/** A line of its input. */
export interface Silence {
  /** A test file, or the run as a whole. */
  readonly file: string;
  readonly ms: number;
  /** The tests that are running, by their titles. */
  readonly running: readonly string[];
  /** How long the longest of them may take by its own time limit. */
  readonly allowedMs: number;
}

const { pid: root, limitMs } = argument<Watch>();
const told = new Map<string, { readonly stuck: readonly number[]; readonly atMs: number }>();
let lastLine = performance.now();
let busy = Promise.resolve();

createInterface({ input: process.stdin })
  .on("line", (line) => {
    lastLine = performance.now();
    const silent = JSON.parse(line) as readonly Silence[]; // our own parent wrote it
    for (const file of told.keys()) if (!silent.some((one) => one.file === file)) told.delete(file);
    busy = busy.then(() => lookAt(silent));
  })
  .on("close", () => process.exit(0)); // the run is over

async function lookAt(silent: readonly Silence[]): Promise<void> {
  for (const one of silent) {
    const before = told.get(one.file);
    if (before === undefined) {
      if (one.ms >= limitMs) told.set(one.file, { stuck: await tell(one), atMs: one.ms });
    } else if (one.ms >= before.atMs + limitMs + one.allowedMs) {
      say(`${one.file} is silent still. Its process is ended, and the run fails.`);
      end(before.stuck);
      told.set(one.file, { stuck: [], atMs: Infinity });
    }
  }
}

// The run itself may be what does not go on.
for (;;) {
  await pause(Math.min(1_000, limitMs));
  const ms = performance.now() - lastLine;
  if (ms < limitMs) continue;
  await busy;
  if (performance.now() - lastLine < limitMs) continue;
  await tell({ file: "The run itself", ms, running: [], allowedMs: 0 });
  await pause(limitMs);
  if (performance.now() - lastLine < limitMs) continue;
  say("The run itself is silent still, and is ended.");
  end(descendantsOf(root).map(({ pid }) => pid));
  kill(root, "SIGKILL");
  break;
}

/** Says what every process is doing; resolves with those that hold up the file. */
async function tell({ file, ms, running }: Silence): Promise<readonly number[]> {
  say(`${file} has been silent for ${Math.round(ms / 1_000)} s.`);
  for (const title of running) say(`  running: ${title}`);
  const all = descendantsOf(root).filter(({ pid }) => pid !== process.pid);
  const whole: readonly Running[] = [
    { pid: root, parent: 0, state: "?", command: "the run itself", waitsIn: "", isNode: true },
    ...all,
  ];
  const asked = await Promise.all(whole.map(async (one) => ({ one, answer: await ask(one) })));
  for (const { one, answer } of asked) {
    const state = `${one.state}${one.waitsIn.length > 1 ? `, in ${one.waitsIn}` : ""}`;
    say(`  process ${one.pid} of ${one.parent} (${state}): ${one.command.slice(0, 300)}`);
    for (const line of answer.file === undefined ? answer.lines : [`runs ${answer.file}`, ...answer.lines])
      say(`    ${line}`);
  }
  const workers = asked.filter(({ one }) => one.parent === root && one.isNode);
  const own = workers.filter(({ answer }) => answer.file?.endsWith(file));
  const mute = workers.filter(({ answer }) => !answer.answered);
  const stuck = own.length > 0 ? own : mute.length > 0 ? mute : workers;
  return stuck.map(({ one }) => one.pid);
}

/** Ends processes and all that they started. */
function end(pids: readonly number[]): void {
  for (const pid of [...pids.flatMap((one) => descendantsOf(one).map((below) => below.pid)), ...pids]) {
    if (pid === process.pid) continue;
    try {
      kill(pid, "SIGKILL");
    } catch {} // it has ended by itself
  }
}

function say(line: string): void {
  process.stderr.write(`[watchdog] ${line}\n`);
}
