/**
 * Lets one process at a time open or close the environment of a folder.
 *
 * The last process that closes a folder destroys the locks in `lock.mdb`. Another process that opens the folder at that
 * instant waits until the first has let go, takes the destroyed locks for good ones, and cannot use the store until it
 * is restarted (lmdb 3.5.6). So both make the folder `opening` first, which only one of them can, and remove it.
 *
 * @module
 */
import { mkdirSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { sleep, systemClock } from "../../src/clock.ts";

/** Opening and closing take milliseconds. What stands for longer than this is of a process that was killed or suspended, ms. */
const staleMs = 2_000;

/** Runs `task` while no other process opens or closes the folder. `waited`: another did, just before. */
export async function openOrClose<T>(folder: string, task: (waited: boolean) => T | Promise<T>): Promise<T> {
  const mark = join(folder, "opening");
  const { made, waited } = await make(mark);
  try {
    return await task(waited);
  } finally {
    if (made) remove(mark);
  }
}

/** Makes the mark, once it is gone or stale. A folder in which nothing can be made is opened and closed without it. */
async function make(mark: string): Promise<{ readonly made: boolean; readonly waited: boolean }> {
  let seen: string | undefined;
  let since = 0;
  for (let waited = false; ; waited = true) {
    try {
      mkdirSync(mark);
      return { made: true, waited };
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST"))
        return { made: false, waited };
    }
    const now = systemClock.monotonic();
    const there = identityOf(mark);
    if (there !== seen) [seen, since] = [there, now];
    else if (now - since > staleMs) remove(mark);
    await sleep(systemClock, 1);
  }
}

/** Which mark it is: each process makes one of its own. */
function identityOf(mark: string): string | undefined {
  const stats = statSync(mark, { bigint: true, throwIfNoEntry: false });
  return stats && `${stats.ino} ${stats.ctimeNs}`;
}

function remove(mark: string): void {
  try {
    rmdirSync(mark);
  } catch {
    // another process found it stale, or the store's folder was removed
  }
}
