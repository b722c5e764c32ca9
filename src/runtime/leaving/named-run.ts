/**
 * Registers each export and each leave by its name in the account's record. If several processes start a run of the same
 * name, the last one continues it, and the others notice that and stop. So no clock decides, and a killed process blocks
 * no other one.
 *
 * @module
 */
import { randomName } from "../../clock.ts";
import { invalidOption, LifecycleError } from "../../errors.ts";
import type { Json } from "../../store/contract.ts";
import { isFhirVersion, type FhirVersion } from "../../fhir/fhir-version.ts";
import {
  isCount,
  isObject,
  isText,
  isTexts,
  isTime,
  listOf,
  objectIn,
  oneOf,
  optional,
  orNull,
  shape,
} from "../../store/guards.ts";
import { changeAccount } from "../account/change-account.ts";
import type { Engine } from "../engine/engine.ts";
import { openLeavesIn } from "../user/index-key.ts";

/** What an export covers. */
export interface ExportScope {
  readonly versions: readonly FhirVersion[];
  /** `null`: all that 1upHealth declares as searchable. */
  readonly types: readonly string[] | null;
}

/** What the account's record holds of a name. */
export interface RunRecord {
  readonly what: "export" | "leave";
  /** The process that began it last: a random text. */
  readonly by: string;
  /** When it was begun for the first time, ms since 1970. */
  readonly at: number;
  /** When this was written. */
  readonly usedAt?: number | undefined;
  /** Where an export writes, as its writer names it; `null`: not named. */
  readonly target: string | null;
  /** What an export is of, or which versions a leave purges; missing: not known. */
  readonly scope?: ExportScope | undefined;
  /** The users of a leave, once all of them are marked; `null` until then. */
  readonly count: number | null;
}

/**
 * The account's record keeps the leaves that have users without a receipt, up to this many, because their numbers of users
 * must not change; a record of one takes about 300 bytes.
 */
const mostOpenLeaves = 256;
/** Of the others it keeps those that were used last. What an export left out is in the records of its users, too. */
const keptOthers = 64;

/** An export or a leave that this process runs. */
export interface NamedRun {
  readonly record: RunRecord;
  /** Records where it writes. @throws {LifecycleError} `INVALID_OPTION` if that is elsewhere than it was begun; as {@link refuseTakenOver} */
  setTarget(target: string): Promise<void>;
  /** Returns the run to the process that had it before, as if this one had never started. Never rejects. */
  giveBack(): Promise<void>;
  /** @throws {LifecycleError} `TAKEN_OVER` if another process has begun the name; `STORE_UNAVAILABLE` */
  refuseTakenOver(): Promise<void>;
  /** Notes that all users of a leave are marked. @throws as {@link refuseTakenOver} */
  note(count: number): Promise<void>;
}

/** The record of the run with this name; `null`: it was never started. @throws {LifecycleError} `STORE_UNAVAILABLE` */
export async function findRun(
  { store }: Engine,
  what: RunRecord["what"],
  name: string,
): Promise<RunRecord | null> {
  const found = await store.account.load();
  return runsIn(found?.value ?? null).get(keyOf(what, name)) ?? null;
}

/**
 * Starts a run of this name, or resumes it. Without a target, call {@link NamedRun.setTarget} later.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if it was begun with another target or scope, or too many leaves are open;
 *   `STORE_UNAVAILABLE`
 */
export async function beginRun(
  engine: Engine,
  what: RunRecord["what"],
  name: string,
  { target, scope }: Partial<Pick<RunRecord, "target" | "scope">>,
): Promise<NamedRun> {
  const key = keyOf(what, name);
  const by = randomName(engine.clock);
  const elsewhere = (): LifecycleError =>
    invalidOption(
      `Cannot go on with the ${what} "${name}": ${what === "export" ? "write" : "receipts"} must be where it was begun, got another place; use that one, or another name`,
    );
  let earlier: RunRecord | undefined;
  let record = await changeRuns(engine, key, (before, otherOpenLeaves) => {
    if (what === "leave" && before === undefined && otherOpenLeaves >= mostOpenLeaves)
      throw tooManyLeaves(name);
    if (before !== undefined && target !== undefined && before.target !== target) throw elsewhere();
    // seam: an-export-is-of-what-it-was-begun-for
    if (before?.scope !== undefined && scopeText(before.scope) !== scopeText(scope))
      throw invalidOption(
        `Cannot go on with the ${what} "${name}": versions and types must be those that it was begun with (${scopeInWords(before.scope)}), got others (${scopeInWords(scope)}); a user that is finished is not read again, so use another name for the rest`,
      );
    earlier = before;
    const kept = before ?? { at: engine.clock.now(), scope, count: null };
    return { ...kept, what, by, target: target ?? before?.target ?? null };
  });
  const changed = <R extends RunRecord | undefined>(change: (own: RunRecord) => R): Promise<R> =>
    changeRuns(engine, key, (before) => {
      const own = before ?? record; // others may have begun so many that it was dropped: it is written again
      if (own.by !== by) throw takenOver(what, name);
      return change(own);
    });

  return {
    get record() {
      return record;
    },
    async setTarget(target) {
      if (record.target === target) return;
      if (record.target !== null) throw elsewhere();
      record = await changed((own) => ({ ...own, target }));
    },
    async giveBack() {
      await changed(() => earlier).catch(() => {}); // another process can begin it all the same
    },
    async refuseTakenOver() {
      const found = await findRun(engine, what, name);
      if (found === null) await changed((own) => own);
      else if (found.by !== by) throw takenOver(what, name);
    },
    async note(count) {
      record = await changed((own) => ({ ...own, count }));
    },
  };
}

/** The error when another process has begun the same name, or opened the same files. */
export function takenOver(what: RunRecord["what"], name: string): LifecycleError {
  return new LifecycleError(
    "TAKEN_OVER",
    `Cannot go on with the ${what} "${name}": another process has begun it since, and goes on with it or has ended it`,
  );
}

/** The scope in words, e.g. "Patient, Observation in r4". */
export function scopeInWords(scope: ExportScope | undefined): string {
  if (scope === undefined) return "not known";
  const types = scope.types === null ? "all types" : scope.types.toSorted().join(", ");
  return `${types} in ${scope.versions.toSorted().join(", ")}`;
}

function scopeText(scope: ExportScope | undefined): string {
  return JSON.stringify([scope?.versions.toSorted(), scope?.types?.toSorted() ?? null]);
}

async function changeRuns<R extends RunRecord | undefined>(
  { store, clock }: Engine,
  key: string,
  change: (before: RunRecord | undefined, otherOpenLeaves: number) => R,
): Promise<R> {
  const names = openLeavesIn(await store.counts());
  const isOpen = new Set([...names].map((name) => keyOf("leave", name)));
  const done = await changeAccount({ record: store.account, clock }, ({ value }) => {
    const runs = runsIn(value);
    const before = runs.get(key);
    runs.delete(key);
    const open = [...runs].filter(([one]) => isOpen.has(one));
    const changed = change(before, open.length);
    const others = [...runs].filter(([one]) => !isOpen.has(one));
    const kept = others.toSorted(([, one], [, other]) => usedAt(one) - usedAt(other)).slice(1 - keptOthers);
    const all: Record<string, RunRecord> = Object.fromEntries([...open, ...kept]);
    if (changed !== undefined) all[key] = { ...changed, usedAt: clock.now() };
    const record = isObject(value) ? value : {};
    return { value: { ...record, runs: all } as unknown as Json, changed }; // plain JSON
  });
  return done === null ? change(undefined, 0) : done.changed; // the store was emptied, which the next write notices
}

function usedAt(run: RunRecord): number {
  return run.usedAt ?? run.at;
}

function tooManyLeaves(name: string): LifecycleError {
  return invalidOption(
    `Cannot begin the leave "${name}": at most ${mostOpenLeaves} leaves may have users without a receipt, and that many have; nothing was done. Go on with those by their names: unfinished of each result tells what keeps its users`,
  );
}

function keyOf(what: RunRecord["what"], name: string): string {
  return `${what} ${name}`;
}

/** The runs in the account's record. One that cannot be read is left out: it is begun anew. */
function runsIn(value: Json): Map<string, RunRecord> {
  const entries: readonly [string, unknown][] = Object.entries(objectIn(value, "runs"));
  return new Map(entries.filter((entry): entry is [string, RunRecord] => isRun(entry[1])));
}

const isScope = shape<ExportScope>({ versions: listOf(isFhirVersion), types: orNull(isTexts) });

const isRun = shape<RunRecord>({
  what: oneOf("export", "leave"),
  by: isText,
  at: isTime,
  usedAt: optional(isTime),
  target: orNull(isText),
  scope: optional(isScope),
  count: orNull(isCount),
});
