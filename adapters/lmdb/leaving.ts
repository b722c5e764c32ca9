/**
 * Ends a process that exits while LMDB writes, by `process.exit()` or an error that nothing catches.
 *
 * A transaction waits on its own thread for the JavaScript thread, which runs no more once the process exits; and Node
 * waits for its threads before it ends (lmdb 3.5.6, Node 20 to 26). Such a process would never end, and would hold the
 * write lock of the folder. So it ends itself, as if it were killed, which the store outlives. Nothing that was
 * acknowledged is lost. Node would print an error that nothing catches after these listeners, so it is printed here.
 *
 * @module
 */
import { accessSync, constants } from "node:fs";
import { inspect } from "node:util";
import { isMainThread } from "node:worker_threads";
import { mainGlobal, type ProcessTable } from "./process-table.ts";

const { process } = mainGlobal;

/** In newer releases of Node: replaces the process by another program. */
type Execve = (file: string, words: readonly string[], env: Readonly<Record<string, string>>) => never;

/**
 * From now on, if the process exits while LMDB writes to an environment of the table, it ends at once after the listeners
 * of its `exit` event.
 */
export function endAtExit(table: ProcessTable): void {
  if (table.isWatching || !isMainThread) return;
  table.isWatching = true;
  let uncaught: { readonly error: unknown } | undefined;
  process.on("uncaughtExceptionMonitor", (error) => {
    const isCaught =
      process.listenerCount("uncaughtException") > 0 || process.hasUncaughtExceptionCaptureCallback();
    if (!isCaught) uncaught = { error };
  });
  process.on("exit", function leaving(code: number) {
    if (![...table.environments.values()].some(({ underWay }) => underWay > 0)) return;
    if (uncaught !== undefined) process.stderr.write(`Uncaught ${inspect(uncaught.error)}\n`);
    const listeners = process.listeners("exit");
    for (const listener of listeners.slice(listeners.indexOf(leaving) + 1)) {
      try {
        Reflect.apply(listener, process, [code]);
      } catch (error) {
        process.stderr.write(`${inspect(error)}\n`);
      }
    }
    end(code);
  });
}

/** A program that ends with any code. Not Node's own, which may have been removed, or be the application in one file. */
const shell = "/bin/sh";

/** Ends the process with its exit code where Node can do that, otherwise by SIGKILL. */
function end(code: number): void {
  const { execve } = process as unknown as { readonly execve?: Execve }; // missing from the types of Node 20
  try {
    accessSync(shell, constants.X_OK); // without the program, execve() would abort and may leave the memory in a file
    execve?.call(process, shell, [shell, "-c", `exit ${code}`], {});
  } catch {
    // not on this system
  }
  process.kill(process.pid, "SIGKILL");
}
