/**
 * Writes an export into a folder: `FOLDER/<oneup_user_id>/<version>.<Type>.ndjson`. Only its owner can read it. A user
 * that started over after it was offboarded has a folder of its own, `FOLDER/<oneup_user_id>-<when>`: what it had before
 * stays as it is, and no old file is taken for one of its new data.
 *
 * A file is written under a temporary name, `….<random>.part`, and gets its final name when it is complete and on disk. The
 * position to resume from is in a file beside it, `….<random>.cursor`. A process that resumes copies what the last one wrote
 * up to that position into a part of its own, and removes the old part: if the other process is still alive, it writes into
 * a file that is never read, and cannot give it the final name.
 *
 * @module
 */
import { createReadStream } from "node:fs";
import {
  chmod,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  type FileHandle,
} from "node:fs/promises";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { invalidOption, type LifecycleError } from "../../errors.ts";
import { isFhirVersion } from "../../fhir/fhir-version.ts";
import { parseJson } from "../../http/json.ts";
import { linesIn } from "../../lines-in.ts";
import { isObject } from "../../checks.ts";
import { isCount, isTime } from "../../store/guards.ts";
import { makeFolder } from "../../store/make-folder.ts";
import type { ExportFile, ExportWriter, OpenExportFile } from "./export-many-options.ts";
import { takenOver } from "./named-run.ts";
import { errorCode } from "../../realms.ts";

/** The file that says which export a folder holds. */
const marker = "export.json";

/**
 * A writer for a folder, which is created with mode 0700; its files have mode 0600. `exportMany()` makes one of a path.
 *
 * @example
 * ```ts
 * import { mkdtemp, readdir } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { exportFolder } from "oneup-lifecycle";
 * import { createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle } = await createTestLifecycle();
 * await lifecycle.onboard("ada");
 * await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" }, { untilReadable: true });
 * const folder = join(await mkdtemp(join(tmpdir(), "leaving-")), "export");
 * await lifecycle.exportMany("all", { name: "2026", write: exportFolder(folder), types: ["Patient"] });
 * console.log(await readdir(folder)); // export.json, and a folder with the number of ada
 * ```
 */
export function exportFolder(path: string): ExportWriter {
  let name = "";
  return {
    async begin(given, before) {
      name = given;
      makeFolder(path);
      return marked(path, given, before);
    },
    async open(file) {
      return openFile(path, name, checkFile(file));
    },
    async end() {
      for (const user of await readdir(path, { withFileTypes: true })) {
        if (!user.isDirectory()) continue;
        const folder = join(path, user.name);
        for (const part of await partsIn(folder)) await removePart(part);
        for (const name of await readdir(folder))
          if (/\.cursor(?:\.new)?$/.test(name)) await rm(join(folder, name), { force: true });
      }
    },
  };
}

/** Paths are made of these, so nothing else passes. @throws {LifecycleError} `INVALID_OPTION` */
function checkFile(file: ExportFile): ExportFile {
  const { oneupUserId, version, type, restarted } = file;
  const isNamed = isCount(oneupUserId) && (restarted === null || isTime(restarted));
  if (isNamed && isFhirVersion(version) && isTypeName(type)) return file;
  throw invalidOption(
    "Cannot export: a file must be named by a number, a FHIR version and a resource type, got something else",
  );
}

/** Whether it can be the name of a resource type, and a part of a path. */
export function isTypeName(value: unknown): value is string {
  return typeof value === "string" && /^[A-Z][A-Za-z]{0,63}$/.test(value);
}

/**
 * The id of the folder; of an empty one that is not `before`, none.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if it holds something else
 */
async function marked(path: string, name: string, before?: string): Promise<string> {
  const file = join(path, marker);
  const found = await readMarker(file);
  if (found === null) {
    if ((await readdir(path)).some((one) => !one.startsWith(`${marker}.`)))
      throw unfit("must be empty, or hold this export, got one with other files in it");
    if (before !== undefined) return "";
    await chmod(path, 0o700);
    const made = `${file}.${randomName()}`;
    try {
      await writeWhole(made, JSON.stringify({ format: 1, export: name, id: randomName() }));
      await nameOnce(made, file).catch(ifThere); // another process may have been faster
    } catch (error) {
      if (errorCode(error) !== "ERR_ACCESS_DENIED") throw error;
      throw unfit(
        "must be one that Node's permission model lets this process write and sync, which Node 26 never does with --permission; export in a process without it",
      );
    } finally {
      await rm(made, { force: true });
    }
    await namesToDisk(path);
    return marked(path, name);
  }
  if (found.export !== name)
    throw unfit(`must be another one for another export, got that of "${found.export}"`);
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0 && process.platform !== "win32")
    throw unfit("must be for its owner only (chmod 700), got one that others can read");
  return found.id;
}

async function readMarker(file: string): Promise<{ readonly export: string; readonly id: string } | null> {
  const text = await readFile(file, "utf8").catch(ifMissing);
  if (text === null) return null;
  const read = parseJson(text); // none if the machine lost power while it was written
  if (isObject(read) && typeof read["export"] === "string" && typeof read["id"] === "string")
    return { export: read["export"], id: read["id"] };
  throw unfit(`must hold a readable ${marker}, got a damaged one`);
}

/** The position from which an unfinished file is continued. */
interface Checkpoint {
  readonly cursor: string;
  /** The bytes that were on the disk then. */
  readonly bytes: number;
}

async function openFile(root: string, name: string, file: ExportFile): Promise<OpenExportFile> {
  const { oneupUserId, restarted } = file;
  const folder = join(root, restarted === null ? String(oneupUserId) : `${oneupUserId}-${restarted}`);
  const base = `${file.version}.${file.type}.ndjson`;
  const final = join(folder, base);
  const own = join(folder, `${base}.${randomName()}`);
  const [part, sidecar] = [`${own}.part`, `${own}.cursor`];
  const isWhole = (await stat(final).catch(ifMissing)) !== null;
  const earlier = await lastPart(folder, base, isWhole);
  let handle: FileHandle | null = null;
  let bytes = 0;

  async function writable(): Promise<FileHandle> {
    if (handle !== null) return handle;
    // The folder of the export was there when it began, and one that vanished is not made anew.
    await mkdir(folder, { mode: 0o700 }).then(() => namesToDisk(root), ifThere);
    handle = await open(part, "wx", 0o600);
    return handle;
  }

  async function write(data: string | Uint8Array): Promise<void> {
    const to = await writable();
    const buffer = typeof data === "string" ? Buffer.from(data) : data;
    for (let at = 0; at < buffer.length;) {
      const { bytesWritten } = await to.write(buffer, at, buffer.length - at, bytes);
      at += bytesWritten;
      bytes += bytesWritten;
    }
  }

  async function checkpoint(cursor: string): Promise<void> {
    const text = JSON.stringify({ cursor, bytes } satisfies Checkpoint);
    await writeWhole(`${sidecar}.new`, text);
    await rename(`${sidecar}.new`, sidecar).catch(ifTakenOver);
  }

  /** Another process has removed what belongs to this part, unless the folder itself has vanished. */
  async function ifTakenOver(refusal: unknown): Promise<never> {
    const code = errorCode(refusal);
    const isTaken =
      code === "EEXIST" || (code === "ENOENT" && (await stat(folder).catch(ifMissing)) !== null);
    throw isTaken ? takenOver("export", name) : refusal;
  }

  /** Continues the earlier part in a part of this process. */
  async function takeOver(earlier: Checkpoint & { readonly path: string }): Promise<void> {
    for await (const chunk of createReadStream(earlier.path, { end: earlier.bytes - 1 }))
      await write(chunk as Buffer);
    if (bytes !== earlier.bytes) throw takenOver("export", name); // it was removed meanwhile
    await (await writable()).datasync();
    await checkpoint(earlier.cursor);
    await removePart(earlier.path);
  }

  if (earlier !== null)
    await takeOver(earlier).catch(async (error: unknown) => {
      // The disk is full, perhaps. The earlier part is still there.
      await handle?.close().catch(() => {});
      await removePart(part);
      throw error;
    });

  return {
    isWhole,
    cursor: earlier?.cursor ?? null,
    async *lines() {
      if (isWhole) yield* linesIn(createReadStream(final));
      else if (earlier !== null) yield* linesIn(createReadStream(part, { end: earlier.bytes - 1 }));
    },
    async append(lines, cursor) {
      if (lines !== "") await write(lines);
      if (cursor === null || bytes === 0) return;
      await handle?.datasync();
      await checkpoint(cursor);
    },
    async restart() {
      await rm(sidecar, { force: true }); // first: it tells how long the part is
      await handle?.truncate(0);
      bytes = 0;
    },
    async finish() {
      if (handle === null) return;
      await handle.sync();
      await handle.close();
      handle = null;
      await rm(sidecar, { force: true });
      if (bytes === 0) return rm(part, { force: true });
      // Only the process that owns the part can name it, and never over a file that another process has finished.
      await nameOnce(part, final).catch(ifTakenOver);
      await namesToDisk(folder);
    },
    async discard() {
      await removePart(part);
    },
    async close() {
      await handle?.close();
      handle = null;
    },
  };
}

/** Gives the part its name. @throws `EEXIST` if there is a file of that name */
export async function nameOnce(part: string, final: string): Promise<void> {
  try {
    await link(part, final);
  } catch (error) {
    const cannotLink = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(String(errorCode(error)));
    if (!cannotLink) throw error;
    // A file system without hard links, on which nothing else is as good.
    if ((await stat(final).catch(ifMissing)) !== null) throw Object.assign(new Error(), { code: "EEXIST" });
    return rename(part, final);
  }
  await rm(part, { force: true });
}

/** The part of an earlier process that can be continued, unless the file `isWhole`; all other parts are removed. */
async function lastPart(
  folder: string,
  base: string,
  isWhole: boolean,
): Promise<(Checkpoint & { readonly path: string }) | null> {
  let best: (Checkpoint & { readonly path: string }) | null = null;
  for (const path of await partsIn(folder, `${base}.`)) {
    const checkpoint = readCheckpoint(
      await readFile(path.replace(/part$/, "cursor"), "utf8").catch(ifMissing),
    );
    const isThere =
      checkpoint !== null && ((await stat(path).catch(ifMissing))?.size ?? 0) >= checkpoint.bytes;
    const isFurther = !isWhole && isThere && checkpoint.bytes > (best?.bytes ?? 0);
    if (isFurther && best !== null) await removePart(best.path);
    if (isFurther) best = { ...checkpoint, path };
    else await removePart(path);
  }
  return best;
}

/** The unfinished files in a folder, those whose names begin like this. */
async function partsIn(folder: string, start = ""): Promise<readonly string[]> {
  const names = (await readdir(folder).catch(ifMissing)) ?? [];
  const parts = names.filter((name) => name.startsWith(start) && name.endsWith(".part"));
  return parts.map((name) => join(folder, name));
}

/** The cursor goes first, also one that was being written: without it, a part is begun anew. */
async function removePart(path: string): Promise<void> {
  const sidecar = path.replace(/part$/, "cursor");
  await rm(`${sidecar}.new`, { force: true });
  await rm(sidecar, { force: true });
  await rm(path, { force: true });
}

function readCheckpoint(text: string | null): Checkpoint | null {
  const read = text === null ? null : parseJson(text);
  if (!isObject(read)) return null;
  const { cursor, bytes } = read;
  return typeof cursor === "string" && isCount(bytes) && bytes > 0 ? { cursor, bytes } : null;
}

async function writeWhole(path: string, text: string): Promise<void> {
  const handle = await open(path, "w", 0o600);
  try {
    await handle.writeFile(text);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** Makes the names in a folder durable, where the system can. */
export async function namesToDisk(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => null);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

/** @throws every error but that nothing is there */
export function ifMissing(error: unknown): null {
  if (errorCode(error) === "ENOENT") return null;
  throw error;
}

function ifThere(error: unknown): void {
  if (errorCode(error) !== "EEXIST") throw error;
}

function randomName(): string {
  return randomBytes(6).toString("hex");
}

function unfit(rule: string): LifecycleError {
  return invalidOption(`Cannot export: the folder ${rule}`);
}
