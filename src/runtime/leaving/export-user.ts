/**
 * Exports one user: file by file, and then the mark in its record.
 *
 * @module
 */
import { hasLeft } from "../user/step.ts";
import { isLifecycleError } from "../../errors.ts";
import { capabilitiesOf } from "../../fhir/capabilities.ts";
import type { FhirVersion } from "../../fhir/fhir-version.ts";
import type { AnyWalk } from "../../fhir/pages/fhir-walk.ts";
import { keptExports } from "../../store/envelope.ts";
import type { Engine } from "../engine/engine.ts";
import { loadUser } from "../engine/load-user.ts";
import { notUsable, tooSoon } from "../engine/user-errors.ts";
import { confirmNumber } from "../operations/confirm-number.ts";
import { fhirOf, type FhirParts } from "../fhir/fhir-of.ts";
import { holderOf } from "../operations/access-tokens.ts";
import type { User } from "../user/user.ts";
import { changeRecord } from "./change-record.ts";
import type { ExportFile, ExportWriter } from "./export-many-options.ts";
import { fillFile, type Filled } from "./fill-file.ts";

/** What an export is about. */
export interface Exported {
  readonly name: string;
  readonly writer: ExportWriter;
  readonly versions: readonly FhirVersion[];
  /** `undefined`: all that 1upHealth declares as searchable. */
  readonly types: readonly string[] | undefined;
  /** Whether a file may have fewer resources than 1upHealth counts. */
  readonly allowShort: boolean;
  /** Whether this process still has the export. @throws {LifecycleError} `TAKEN_OVER` */
  readonly refuseTakenOver: () => Promise<void>;
}

/** How long the confirmation of a number is waited for, ms. */
const confirmMs = 30_000;

/** Numbers whose files are being written: two users here may share one. */
export type InHand = Map<number, Promise<unknown>>;

/** Whether this export has finished the user. */
export function isExported({ exports }: User, name: string): boolean {
  // seam: only-a-finished-export-counts
  return exports.some(([one]) => one === name);
}

/**
 * Writes the user's files that are not whole yet, and marks the user. `wrote` is called after each file. Resolves with
 * false if the user was exported before.
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
  if (isExported(user, exported.name)) return false;
  const { state } = user.position;
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
      for (const type of exported.types ?? searchable(version)) {
        const search = (cursor: string | undefined): AnyWalk =>
          fhir.searchAll(type as never, {}, { cursor, signal }) as unknown as AnyWalk; // checked to be a type
        const file = { oneupUserId, version, type, restarted };
        const filled = await write(exported, file, search, signal);
        if (filled !== null) wrote(filled);
      }
    }
    await mark(engine, user, oneupUserId, exported.name, signal);
  })();
  inHand.set(oneupUserId, own);
  try {
    await own;
  } finally {
    if (inHand.get(oneupUserId) === own) inHand.delete(oneupUserId);
  }
  return true;
}

/** Writes one file; `null`: it is there. */
async function write(
  { writer, allowShort, refuseTakenOver }: Exported,
  file: ExportFile,
  search: (cursor: string | undefined) => AnyWalk,
  signal: AbortSignal,
): Promise<Filled | null> {
  signal.throwIfAborted();
  const opened = await writer.open(file);
  try {
    if (opened.isWhole) return null;
    return await fillFile(opened, search, {
      goOn: () => signal.throwIfAborted(),
      mayFinish: refuseTakenOver,
      allowShort,
    });
  } catch (error) {
    if (isLifecycleError(error, "TAKEN_OVER")) await opened.discard?.();
    throw error;
  } finally {
    await opened.close();
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
  name: string,
  signal: AbortSignal,
): Promise<void> {
  await changeRecord(engine, id, { verb: "export a user", signal }, (user) => {
    const { state, context } = user.position;
    if (hasLeft(state)) throw notUsable(engine, user);
    if (user.restarted !== restarted || context.oneupUserId !== oneupUserId)
      throw tooSoon(engine, "export user", id, "it has started over meanwhile, or has another number");
    if (isExported(user, name)) return null;
    return { ...user, exports: [...user.exports, [name, engine.clock.now()] as const].slice(-keptExports) };
  });
}

/** The types that 1upHealth declares as searchable. */
function searchable(version: FhirVersion): readonly string[] {
  const { types } = capabilitiesOf(version);
  return [...types].filter(([, { interactions }]) => interactions.has("search-type")).map(([type]) => type);
}
