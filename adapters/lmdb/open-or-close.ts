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
import { errorCode } from "../../src/realms.ts";

/** Opening and closing take milliseconds. What stands for longer than this is of a process that was killed or suspended, ms. */
const staleMs = 2_000;

/**
 * Runs `task` while no other process opens or closes the folder, or after `timeoutMs` in any case. `waited`: another did,
 * just before.
 */
export async function openOrClose<T>(
  folder: string,
  timeoutMs: number,
  task: (waited: boolean) => T | Promise<T>,
): Promise<T> {
  const mark = join(folder, "opening");
  const { own, waited } = await make(mark, timeoutMs);
  try {
    return await task(waited);
  } finally {
    // A process that stood still may have lost it to another one.
    if (own !== undefined && identityOf(mark) === own) remove(mark);
  }
}

/**
 * Makes the mark, once it is gone or stale. A folder in which none can be made or removed is opened and closed without
 * it. `own`: the mark that was made.
 */
async function make(
  mark: string,
  timeoutMs: number,
): Promise<{ readonly own?: string | undefined; readonly waited: boolean }> {
  const since = systemClock.monotonic();
  let [seen, seenSince]: [string | undefined, number] = [undefined, since];
  for (let waited = false; ; waited = true) {
    try {
      mkdirSync(mark);
      return { own: identityOf(mark), waited };
    } catch (error) {
      if (errorCode(error) !== "EEXIST") return { waited };
    }
    const now = systemClock.monotonic();
    if (now - since > timeoutMs) return { waited };
    const there = identityOf(mark);
    if (there !== seen) [seen, seenSince] = [there, now];
    else if (now - seenSince > Math.min(staleMs, timeoutMs / 2)) remove(mark);
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
    // another process found it stale, the store's folder was removed, or it is no empty folder
  }
}
