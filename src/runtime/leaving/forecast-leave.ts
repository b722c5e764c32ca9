/**
 * What a leave would do: how many users it offboards, and how long that takes.
 *
 * @module
 */
import { invalidOption, type LifecycleError } from "../../errors.ts";
import { hashOf } from "../user/hash-of.ts";
import type { Rows } from "../bulk/for-each-row.ts";
import type { Engine } from "../engine/engine.ts";
import { loadUser, nullIfPermanent } from "../engine/load-user.ts";
import { forecast } from "../operations/forecast.ts";
import { readOrDamaged } from "../operations/damaged-record.ts";
import { isOffboarded } from "../operations/offboard.ts";
import { chosenUsers } from "./chosen-users.ts";
import {
  coversPurge,
  isInLeave,
  isLeftOut,
  isPartlyExported,
  mustWait,
  otherLeaveOf,
  type Leave,
} from "./enlist-user.ts";
import { unlistableIn } from "./export-types.ts";
import { isExported, isExportUnclear } from "./export-user.ts";
import type { LeaveForecast } from "./offboard-many-options.ts";
import { findRun, scopeInWords, type RunRecord } from "./named-run.ts";
import type { User } from "../user/user.ts";

/** The users of a leave. */
export interface LeaveCount extends Omit<LeaveForecast, "name" | "unlistable" | "calls" | "endsAt"> {
  /** Whether the user was counted, under this id or another one. Users that came since are no part of the leave. */
  readonly has: (user: User) => boolean;
  /** Users that are still to be identified. */
  readonly toIdentify: number;
}

/**
 * Counts them.
 * @throws {LifecycleError} `INVALID_OPTION` if the leave was begun with other users; of the store; what the ids throw;
 *   the signal's reason
 */
export async function countLeave(
  engine: Engine,
  ids: Rows<string> | "all",
  leave: Leave,
  signal?: AbortSignal,
): Promise<LeaveCount> {
  await refusePartialExport(engine, leave);
  const run = await findRun(engine, "leave", leave.name);
  if (run !== null) refuseOtherPurge(run, leave);
  const fixed = run?.count ?? null;
  const strangers: string[] = [];
  const counted = new Set<number>();
  const { onlyAfterExport } = leave;
  const isBegun = async (name: string): Promise<boolean> => (await findRun(engine, "export", name)) !== null;
  let exportBegun = onlyAfterExport === undefined ? null : await isBegun(onlyAfterExport);
  const counts = { count: 0, done: 0, unexported: 0, leftOut: 0, unusable: 0, toIdentify: 0 };
  const elsewhere = new Map<string, number>();
  let enlisted = 0;
  for await (const id of chosenUsers(engine, ids, () => counts.unusable++)) {
    signal?.throwIfAborted();
    const user = (await loadUser(engine, id, readOrDamaged).catch(nullIfPermanent))?.user;
    const other = user === undefined ? null : otherLeaveOf(user, leave);
    if (user === undefined) counts.unusable++;
    else if (isLeftOut(user, leave)) counts.leftOut++;
    else if (other !== null) elsewhere.set(other, (elsewhere.get(other) ?? 0) + 1);
    else if (fixed === null || isInLeave(user, leave.name)) {
      counts.count++;
      for (const one of marksOf(user)) counted.add(one);
      if (isInLeave(user, leave.name)) enlisted++;
      // The account's record keeps the latest exports only.
      if (exportBegun === false)
        exportBegun = onlyAfterExport !== undefined && isExported(user, onlyAfterExport);
      const { state } = user.position;
      const isDone = isInLeave(user, leave.name) && user.leaving?.done !== null;
      if (isDone || (state === "offboarded" && isOffboarded(user, leave.purge))) counts.done++;
      else if (isPartlyExported(user, leave))
        throw isExportUnclear(user, onlyAfterExport ?? "")
          ? unclearExport(leave, engine.sealer.alias(id))
          : partialExport(leave, `one that had less of user ${engine.sealer.alias(id)}`);
      else if (mustWait(user, leave)) counts.unexported++;
      else if (leave.purge.length > 0 && state !== "offboarding") counts.toIdentify++;
    } else if (ids !== "all" && run !== null && !isNewSince(user, run.at)) strangers.push(id);
  }
  if (run === null && enlisted > 0 && enlisted < counts.count) throw ofAnEarlierLeave(leave.name);
  if (strangers[0] !== undefined)
    throw ofAnotherList(leave.name, engine.sealer.alias(strangers[0]), strangers.length);
  // Some may have been forgotten since.
  const has = (user: User): boolean => marksOf(user).some((one) => counted.has(one));
  const leavingBy = Object.fromEntries(elsewhere);
  return { ...counts, leavingBy, exportBegun, count: fixed ?? counts.count, has };
}

/** @throws {LifecycleError} `INVALID_OPTION` if users that have left already were purged of other versions */
function refuseOtherPurge({ scope }: RunRecord, { name, purge }: Leave): void {
  const [before, now] = [scope?.versions, purge].map((versions) => versions?.toSorted().join(", "));
  if (before === undefined || before === now) return;
  throw invalidOption(
    `Cannot go on with the leave "${name}": purge must be what it was begun with (${before || "none"}), got another one (${now || "none"}); nothing was done. Use another name, and receipts elsewhere, for the rest`,
  );
}

/** Whether the user signed up, or started over, after that time. */
function isNewSince({ begun, restarted }: User, at: number): boolean {
  return (restarted ?? begun ?? 0) > at;
}

/** Some users were here when the leave was begun, and are no part of it: nothing would be done for them. */
function ofAnotherList(name: string, first: string, count: number): LifecycleError {
  const others = count === 1 ? "" : ` and ${count - 1} more`;
  return invalidOption(
    `Cannot go on with the leave "${name}": its list must be the one that it was begun with, which did not have user ${first}${others}; nothing was done. Use another name, and receipts elsewhere, for another list`,
  );
}

/** The account's record no longer has the leave: how many users it had, and what it purged, is not known. */
function ofAnEarlierLeave(name: string): LifecycleError {
  return invalidOption(
    `Cannot begin the leave "${name}": users here left by this name before, and so many others were begun since that its list is no longer known; nothing was done. Use another name, and receipts elsewhere, for the rest`,
  );
}

/** What a user is recognised by: the hash of its id, and its number at 1upHealth, if it has one, as a negative number. */
function marksOf({ id, position }: User): readonly number[] {
  const { oneupUserId } = position.context;
  return oneupUserId === null ? [hashOf(id)] : [hashOf(id), -oneupUserId];
}

/** @throws {LifecycleError} `INVALID_OPTION` if the export left out something that the leave would purge */
async function refusePartialExport(engine: Engine, leave: Leave): Promise<void> {
  if (leave.onlyAfterExport === undefined) return;
  const run = await findRun(engine, "export", leave.onlyAfterExport);
  if (run === null) return; // the marks of its users tell what it was of
  const whole = run.scope?.types === null ? run.scope.versions : [];
  if (!coversPurge(whole, leave)) throw partialExport(leave, `one of ${scopeInWords(run.scope)}`);
}

function partialExport(leave: Leave, got: string): LifecycleError {
  return invalidOption(
    `${mustBeWhole(leave)}, got ${got}; export the rest by another name, and pass allowPartialExport: true`,
  );
}

/** The user may have been exported with all types. */
function unclearExport(leave: Leave, alias: string): LifecycleError {
  return invalidOption(
    `${mustBeWhole(leave)}, got one of an earlier release, which did not note what it had of user ${alias}; start that export again by the same name and in the same place, which reads only what its files lack`,
  );
}

function mustBeWhole({ purge }: Leave): string {
  return `Cannot offboard a list: onlyAfterExport must be an export of all types in ${purge.join(", ")}, which are purged`;
}

/** What the leave would do. Nothing is changed. */
export async function forecastLeave(
  engine: Engine,
  ids: Rows<string> | "all",
  leave: Leave,
  signal: AbortSignal,
): Promise<LeaveForecast> {
  const { toIdentify, has: _, ...counts } = await countLeave(engine, ids, leave, signal);
  const calls = toIdentify + (leave.purge.length > 0 ? counts.unexported : 0);
  const inMs = calls === 0 ? 0 : (await forecast(engine, calls, "recovery", "findUser")).inMs;
  const endsAt = inMs === Infinity ? null : new Date(engine.clock.now() + inMs);
  const unlistable = leave.onlyAfterExport === undefined ? {} : unlistableIn(leave.purge);
  return { name: leave.name, ...counts, unlistable, calls, endsAt };
}
