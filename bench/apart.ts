/**
 * Runs one side of a comparison in a process of its own, as an application would. Two sides in one process share compiled
 * code and memory: each makes the other slower, and background work of one counts as the other's CPU.
 *
 * @module
 */
import { fork, type Serializable } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** The process of a side, which does one task at a time. */
export interface Apart<Task extends Serializable, Outcome> {
  ask(task: Task): Promise<Outcome>;
  close(): Promise<void>;
}

/** What to start. */
export interface Program {
  /** Name in errors. */
  readonly name: string;
  /** Its script, which sends a message once it is ready, and one for each task. */
  readonly script: URL;
  readonly args: readonly string[];
  /** Options of Node. @default those of this process, with its loader */
  readonly execArgv?: readonly string[];
}

/** Starts the process. Its answers must be of the type `Outcome`. */
export async function startApart<Task extends Serializable, Outcome>(
  program: Program,
): Promise<Apart<Task, Outcome>> {
  const { name, script, args, execArgv = process.execArgv } = program;
  const child = fork(fileURLToPath(script), args, { execArgv: [...execArgv] });
  const exit = once(child, "exit").then(([code]) => {
    throw new Error(`Cannot measure ${name}: its process exited with code ${String(code)}`);
  });
  exit.catch(() => {}); // it matters only while an answer is awaited
  const answer = async (): Promise<unknown> => {
    const [message] = await Promise.race([once(child, "message"), exit]);
    return message;
  };
  await answer();
  return {
    async ask(task) {
      const next = answer();
      child.send(task);
      return (await next) as Outcome; // the script sends nothing else
    },
    async close() {
      child.disconnect();
      await exit.catch(() => {});
    },
  };
}

/** The other end: does each task that this process is asked for, and closes when its parent is gone. */
export function serveTasks(
  work: (task: unknown) => Promise<Serializable>,
  close: () => Promise<unknown>,
): void {
  process.on("message", (task) => {
    void work(task).then((outcome) => process.send?.(outcome)); // a rejection ends the process, which its parent reports
  });
  process.on("disconnect", () => void close().finally(() => process.exit(0)));
  process.send?.("ready");
}
