/** LMDB stores of tests, and other processes on them. */

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { lmdb } from "../../adapters/lmdb.ts";
import { systemClock } from "../../src/clock.ts";
import type { Store } from "../../src/store/contract.ts";
import { runs } from "../support/built.ts";
import { newFolder, removeFolder } from "./folders.ts";

/** A folder of the test that runs. */
export function folderOfTest(): string {
  const folder = newFolder("lmdb");
  onTestFinished(() => removeFolder(folder));
  return folder;
}

/** A store in the folder, closed after the test. */
export async function openStore(folder: string): Promise<Store> {
  const store = await lmdb(folder).open({ account: "account", clock: systemClock });
  onTestFinished(() => store.close());
  return store;
}

/** Starts another process on the folder. */
export function child(folder: string, task: string, name: string): ChildProcessByStdio<null, Readable, null> {
  const script = fileURLToPath(new URL("./writer.child.ts", import.meta.url));
  const started = spawn(process.execPath, [...runs(script), folder, task, name], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void started.kill("SIGKILL"));
  return started;
}

/** Runs it to its end; the lines it said. */
export async function linesOf(folder: string, task: string, name: string): Promise<readonly string[]> {
  const started = child(folder, task, name);
  let said = "";
  started.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  const [code] = await once(started, "close");
  expect(code).toBe(0);
  return said.split("\n").filter((line) => line !== "");
}
