/**
 * Before the first test: the folders of tests and of their servers are in memory where the system has a place for that.
 * A busy disk takes seconds for each database that is made, and may keep a write waiting for longer than stores wait. A
 * process that is killed loses nothing in memory.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { isThere } from "./started.ts";

const memory = "/dev/shm";
/** With the namespace of process ids: containers may share the memory, and do not see each other's processes. */
const prefix = `oneup-tests-${namespace()}-`;
/** A run needs a third of that at most. */
const neededBytes = 2 * 1024 ** 3;

/** Vitest calls it before the first test; what it returns, after the last. */
export function setup(): (() => void) | undefined {
  const isInMemory = tmpdir().startsWith(`${memory}/`); // a run inside of a run
  if (isInMemory || !hasRoom()) return undefined;
  removeAbandoned();
  const folder = mkdtempSync(join(memory, `${prefix}${process.pid}-`));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  if (!canRunPrograms(folder)) {
    remove();
    return undefined;
  }
  chmodSync(folder, 0o711); // PostgreSQL runs as another user
  process.env["TMPDIR"] = folder; // processes that tests start inherit it
  process.once("exit", remove);
  return remove;
}

function namespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid").replaceAll(/\D/g, "");
  } catch {
    return "0"; // another kind of system
  }
}

function hasRoom(): boolean {
  try {
    const { bavail, bsize } = statfsSync(memory);
    return bavail * bsize >= neededBytes;
  } catch {
    return false; // another kind of system
  }
}

/** Some systems forbid it, and tests write programs. */
function canRunPrograms(folder: string): boolean {
  const program = join(folder, "program");
  try {
    writeFileSync(program, "#!/bin/sh\n", { mode: 0o755 });
    execFileSync(program);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(program, { force: true });
  }
}

/** Removes what a run left behind that was killed. */
function removeAbandoned(): void {
  for (const name of readdirSync(memory)) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : process.pid;
    if (!isThere(pid)) rmSync(join(memory, name), { recursive: true, force: true });
  }
}
