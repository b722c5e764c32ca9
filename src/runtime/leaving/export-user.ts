/**
 * Exports one user: first file by file what can be searched, then what those resources refer to; then its record is marked.
 *
 * @module
 */
import { hasLeft } from "../user/step.ts";
import { isLifecycleError } from "../../errors.ts";
import type { FhirVersion } from "../../fhir/fhir-version.ts";
import { referenceFinder } from "../../fhir/attachment/reference-finder.ts";
import type { UserFhirClient } from "../../fhir/user-fhir-client.ts";
import type { AnyWalk } from "../../fhir/pages/fhir-walk.ts";
import { keptExports, type ExportMark } from "../../store/envelope.ts";
import type { Engine } from "../engine/engine.ts";
import { loadUser } from "../engine/load-user.ts";
import { notUsable, tooSoon } from "../engine/user-errors.ts";
import { confirmNumber } from "../operations/confirm-number.ts";
import { isOffboarded } from "../operations/offboard.ts";
import { fhirOf, type FhirParts } from "../fhir/fhir-of.ts";
import { referencedReader } from "../fhir/referenced-reader.ts";
import { ours } from "../options/lifecycle-options.ts";
import { holderOf } from "../operations/access-tokens.ts";
import { furthestAheadMs } from "../user/provisional-until.ts";
import { enteredAt } from "../user/user-status.ts";
import type { User } from "../user/user.ts";
import { changeRecord } from "./change-record.ts";
import type { ExportFile, ExportWriter, OpenExportFile } from "./export-many-options.ts";
import { exportTypes } from "./export-types.ts";
import { fillFile, type Filled } from "./fill-file.ts";
import { followReferences } from "./follow-references.ts";

/** What an export covers. */
export interface Exported {
  readonly name: string;
  readonly writer: ExportWriter;
  readonly versions: readonly FhirVersion[];
  /** `undefined`: all that 1upHealth declares. */
  readonly types: readonly string[] | undefined;
  /** Whether a file may lack resources that 1upHealth counts, or refuses to show. */
  readonly allowShort: boolean;
  /** When it was begun for the first time, ms since 1970. */
  readonly begunAt: number;
  /** Whether this process still has the export. @throws {LifecycleError} `TAKEN_OVER` */
  readonly refuseTakenOver: () => Promise<void>;
}

/** How long to wait for the confirmation of a number, ms. */
const confirmMs = 30_000;

/** Numbers whose files are being written: two users here may share one. */
export type InHand = Map<number, Promise<unknown>>;

/** Whether this export has finished the user. */
export function isExported({ exports }: User, name: string): boolean {
  // seam: only-a-finished-export-counts
  return exports.some(([one]) => one === name);
}

/** Whether it has, and an earlier release did not note what it was of. The same export goes through its files again. */
export function isExportUnclear({ exports }: User, name: string): boolean {
  return exports.some(([one, , whole]) => one === name && whole === undefined);
}

/**
 * Whether 1upHealth had confirmed that it erased everything that this export is of, before that was begun. A user that
 * leaves meanwhile is missing in the files instead; clocks may differ, so one that has just left counts as such.
 */
function wasErased(user: User, { versions, begunAt }: Exported, now: number): boolean {
  const isGone = user.position.state === "offboarded" && isOffboarded(user, versions);
  return isGone && enteredAt(user, now) <= begunAt - furthestAheadMs;
}

/**
 * Writes the user's files that are not whole yet, and marks the user. `wrote` is called after each file. Resolves with
 * false if the user was exported before and its mark tells of what, or if it had nothing left.
 *
 * @throws {LifecycleError} `USER_OFFBOARDED`, `USER_NOT_READY`; `BAD_ANSWER` for a file that is short; as a FHIR search; what the writer throws; the signal's reason
 */
export async function exportUser(
  parts: FhirParts,
  id: string,
  exported: Exported,
  inHand: InHand,
  wrote: (filled: Filled) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const { engine } = parts;
  const { user } = await loadUser(engine, id);
  const { restarted } = user;
  if (wasErased(user, exported, engine.clock.now())) return false;
  const { state } = user.position;
  const isUnclear = isExportUnclear(user, exported.name) && !hasLeft(state);
  if (isExported(user, exported.name) && !isUnclear) return false;
  const { oneupUserId } = user.position.context;
  const hasFailed = state === "failed";
  if (hasLeft(state) || (hasFailed && oneupUserId === null)) throw notUsable(engine, user);
  if (oneupUserId === null)
    throw tooSoon(engine, "export user", id, "1upHealth has not named its number yet");
  const deadline = { until: engine.clock.monotonic() + confirmMs, signal };
  await confirmNumber(engine, user, "export", deadline); // its files are named by the number
  const before = inHand.get(oneupUserId);
  const own = (async () => {
    await before?.catch(() => {});
    const as = hasFailed ? "client" : "user"; // a failed user has no grant
    for (const version of exported.versions) {
      const fhir = fhirOf(parts, id, version, { as }, holderOf(user)); // its files are named by the number
      const fileOf = (type: string): ExportFile => ({ oneupUserId, version, type, restarted });
      await exportVersion({ engine, exported, fhir, version, wrote, signal }, fileOf);
    }
    await mark(engine, user, oneupUserId, exported, signal);
  })();
  inHand.set(oneupUserId, own);
  try {
    await own;
  } finally {
    if (inHand.get(oneupUserId) === own) inHand.delete(oneupUserId);
  }
  return true;
}

interface OfVersion {
  readonly engine: Engine;
  readonly exported: Exported;
  readonly fhir: UserFhirClient<FhirVersion>;
  readonly version: FhirVersion;
  readonly wrote: (filled: Filled) => void;
  readonly signal: AbortSignal;
}

/** Writes the files of one version: the types that can be searched, and then what those refer to. */
async function exportVersion(
  { engine, exported, fhir, version, wrote, signal }: OfVersion,
  fileOf: (type: string) => ExportFile,
): Promise<void> {
  const { writer, types, allowShort, refuseTakenOver } = exported;
  const { searched, unlistable } = exportTypes(version, types);
  const referring: ExportFile[] = [];
  for (const type of searched) {
    const search = (cursor: string | undefined): AnyWalk =>
      fhir.searchAll(type as never, {}, { cursor, signal }) as unknown as AnyWalk; // checked to be a type
    const filled = await write(exported, fileOf(type), search, signal);
    if (filled !== null) wrote(filled);
    if (filled?.lines !== 0) referring.push(fileOf(type));
  }
  if (unlistable.length === 0 || referring.length === 0) return;
  const { api, maxAnswerBytes: maxBytes } = engine.settings;
  const filled = await opened(exported, unlistable.map(fileOf), (files) =>
    followReferences(new Map(files.map((file, index) => [unlistable[index] ?? "", file])), {
      find: referenceFinder(unlistable, [
        { api, version },
        { api: ours.api, version },
      ]),
      lines: linesOf(writer, referring),
      read: referencedReader(fhir, { refusedAsNone: allowShort, maxBytes, signal }),
      goOn: () => signal.throwIfAborted(),
      mayFinish: refuseTakenOver,
    }),
  );
  for (const one of filled) wrote(one);
}

/** Writes one file; `null`: it is there. */
async function write(
  exported: Exported,
  file: ExportFile,
  search: (cursor: string | undefined) => AnyWalk,
  signal: AbortSignal,
): Promise<Filled | null> {
  signal.throwIfAborted();
  return opened(exported, [file], async ([one]) => {
    if (one === undefined || one.isWhole) return null;
    return fillFile(one, search, {
      type: file.type,
      goOn: () => signal.throwIfAborted(),
      mayFinish: exported.refuseTakenOver,
      allowShort: exported.allowShort,
    });
  });
}

/** Opens files, and closes them in any case. */
async function opened<T>(
  { writer }: Exported,
  named: readonly ExportFile[],
  task: (files: readonly OpenExportFile[]) => Promise<T>,
): Promise<T> {
  const files: OpenExportFile[] = [];
  try {
    for (const file of named) files.push(await writer.open(file));
    return await task(files);
  } catch (error) {
    if (isLifecycleError(error, "TAKEN_OVER"))
      for (const file of files) if (!file.isWhole) await file.discard?.();
    throw error;
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

/** What is in files that are whole. */
async function* linesOf(
  writer: ExportWriter,
  files: readonly ExportFile[],
): AsyncGenerator<string, void, undefined> {
  for (const one of files) {
    const file = await writer.open(one);
    try {
      yield* await file.lines();
    } finally {
      await file.close();
    }
  }
}

/**
 * Once all files are durable. A user that was offboarded meanwhile may have lost data before it was read, and one that
 * has started over has data that belongs into other files.
 */
async function mark(
  engine: Engine,
  { id, restarted }: User,
  oneupUserId: number,
  { name, versions, types }: Exported,
  signal: AbortSignal,
): Promise<void> {
  const whole = types === undefined ? versions : [];
  await changeRecord(engine, id, { verb: "export a user", signal }, (user) => {
    const { state, context } = user.position;
    if (hasLeft(state)) throw notUsable(engine, user);
    if (user.restarted !== restarted || context.oneupUserId !== oneupUserId)
      throw tooSoon(engine, "export user", id, "it has started over meanwhile, or has another number");
    if (isExported(user, name) && !isExportUnclear(user, name)) return null;
    const marked: ExportMark = [name, engine.clock.now(), whole];
    const others = user.exports.filter(([one]) => one !== name);
    return { ...user, exports: [...others, marked].slice(-keptExports) };
  });
}
