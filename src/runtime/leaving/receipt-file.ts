/**
 * Keeps receipts in a file. The process that opened it last continues it; one that opened it before can add nothing more:
 *
 * 1. The file is renamed, and from then on an append of another process fails its check, which follows its write.
 * 2. Its lines are copied, with those that the other process has added before.
 * 3. The copy gets the file's name, unless another process was faster.
 *
 * @module
 */
import { createReadStream } from "node:fs";
import { lstat, open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { ifMissing, nameOnce, namesToDisk } from "./export-folder.ts";
import type { ReceiptLog } from "./offboard-many-options.ts";
import { invalidOption, LifecycleError } from "../../errors.ts";
import { linesIn } from "../../lines-in.ts";
import { errorCode } from "../../realms.ts";
import { makeFolder } from "../../store/make-folder.ts";

/**
 * A log of receipts in a file, which is created with mode 0600. `offboardMany()` makes one of a path.
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { receiptFile } from "oneup-lifecycle";
 * import { createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle } = await createTestLifecycle();
 * await lifecycle.onboard("ada");
 * const file = join(await mkdtemp(join(tmpdir(), "leaving-")), "receipts.ndjson");
 * const receipts = receiptFile(file);
 * const { closed } = await lifecycle.offboardMany("all", { name: "2026", count: 1, receipts });
 * console.log(closed); // true
 * ```
 */
export function receiptFile(path: string): ReceiptLog {
  let handle: FileHandle | null = null;

  return {
    async *open() {
      makeFolder(dirname(path));
      await refuseForeign(path);
      const mine = `${path}.${randomBytes(6).toString("hex")}`;
      const from = await takeOver(path, `${mine}.taken`);
      let isCopied = false;
      try {
        handle = await open(`${mine}.new`, "wx", 0o600);
        if (from !== null)
          for await (const line of wholeLines(from)) {
            await handle.appendFile(`${line}\n`);
            yield line;
          }
        await handle.sync();
        await nameOnce(`${mine}.new`, path).catch((error: unknown) => {
          throw ["EEXIST", "ENOENT"].includes(String(errorCode(error))) ? takenOver() : error;
        });
        isCopied = true;
      } finally {
        if (!isCopied) await restoreName(path, from, `${mine}.new`);
      }
      for (const one of await filesBeside(path, "new")) await rm(one, { force: true });
      if (from !== null) await rm(from, { force: true });
      await namesToDisk(dirname(path));
    },
    async append(lines) {
      if (handle === null) throw takenOver();
      await handle.appendFile(lines.map((line) => `${line}\n`).join(""));
      await handle.datasync();
      if (!(await isAt(path, handle))) throw takenOver(); // checked last: what is there now stays there
    },
    async close() {
      await handle?.close();
      handle = null;
    },
  };
}

/** How the first line of receipts begins. */
const beginning = '{"number":0,"type":"opened",';

/**
 * What is no file of receipts stays as it is. A crash may have cut off the first line.
 * @throws {LifecycleError} `INVALID_OPTION`
 */
async function refuseForeign(path: string): Promise<void> {
  const is = await lstat(path).catch(ifMissing);
  if (is === null) return;
  if (!is.isFile()) throw foreign(is.isDirectory() ? "a folder" : "a link, or another kind of file");
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(beginning.length), 0, beginning.length, 0);
    if (!beginning.startsWith(buffer.toString("utf8", 0, bytesRead)))
      throw foreign("a file with other content");
  } finally {
    await file.close();
  }
}

function foreign(got: string): LifecycleError {
  return invalidOption(
    `Cannot write receipts: they must be a new file, or one with receipts, got ${got}; it was left as it is`,
  );
}

/** Gives the file its name again, unless another process has opened it meanwhile. */
async function restoreName(path: string, from: string | null, mine: string): Promise<void> {
  await rm(mine, { force: true });
  if (from === null) return;
  await nameOnce(from, path).catch(() => {}); // the next opening finds it by its name
}

/** Renames the file; `null`: there is none. One that a process renamed before it died is found by its name. */
async function takeOver(path: string, taken: string): Promise<string | null> {
  const left = await filesBeside(path, "taken");
  const is = await stat(path).catch(ifMissing);
  const from = is === null ? left.at(0) : path;
  if (from === undefined) return null;
  await rename(from, taken);
  await namesToDisk(dirname(path));
  // The file has all that was copied to it.
  if (is !== null) for (const one of left) await rm(one, { force: true });
  return taken;
}

/** The temporary files beside it, of the processes that opened it. */
async function filesBeside(path: string, ending: "new" | "taken"): Promise<readonly string[]> {
  const start = `${basename(path)}.`;
  const names = (await readdir(dirname(path))).filter((name) => name.startsWith(start));
  const form = new RegExp(`\\.[0-9a-f]{12}\\.${ending}$`);
  return names.filter((name) => form.test(name)).map((name) => join(dirname(path), name));
}

/** The whole lines: the last one may have been cut off by a crash. */
async function* wholeLines(path: string): AsyncGenerator<string, void, undefined> {
  const rest = yield* linesIn(createReadStream(path));
  if (/,"signature":"[\w-]{86}"\}$/.test(rest)) yield rest; // only its line feed is missing
}

async function isAt(path: string, handle: FileHandle): Promise<boolean> {
  const [there, own] = await Promise.all([
    stat(path, { bigint: true }).catch(ifMissing),
    handle.stat({ bigint: true }),
  ]);
  return there !== null && there.ino === own.ino && there.dev === own.dev;
}

function takenOver(): LifecycleError {
  return new LifecycleError(
    "TAKEN_OVER",
    "Cannot write receipts: another process has opened them since, and goes on with them",
  );
}
