/**
 * `exportMany()`: exports each user's resources, file by file. The user's record notes what is finished, and a cursor beside
 * each file notes how far it is, so a process that resumes reads at most one page again.
 *
 * @module
 */
import { linkSignals } from "../../abort.ts";
import { checkValue, type Rule } from "../../checks.ts";
import { sleep } from "../../clock.ts";
import { isLifecycleError, type LifecycleError } from "../../errors.ts";
import { fhirVersions } from "../../fhir/fhir-version.ts";
import { forEachRow, type Rows } from "../bulk/for-each-row.ts";
import { throttle } from "../bulk/throttle.ts";
import { retryWrite } from "../engine/retry-write.ts";
import type { FhirParts } from "../fhir/fhir-of.ts";
import { callListener } from "../options/call-listener.ts";
import { chosenUsers, countOfUsers } from "./chosen-users.ts";
import { exportFolder } from "./export-folder.ts";
import type { ExportManyOptions, ExportProgress, ExportSummary } from "./export-many-options.ts";
import { refuseUnsearched, unlistableIn } from "./export-types.ts";
import { exportUser, type InHand } from "./export-user.ts";
import type { Filled } from "./fill-file.ts";
import { beginRun, findRun } from "./named-run.ts";

/** How many postponed users this call retries; the rest need another call. */
const mostWaiting = 10_000;
/** The wait before postponed users are retried, ms; it doubles while none of them makes progress. */
const firstWaitMs = 5_000;
const longestWaitMs = 300_000;
/** After so many rounds without progress the postponed users are given up: about 35 minutes. */
const mostRoundsWithoutProgress = 12;
/** Unfinished users named in the result. */
const mostNamed = 100;

/**
 * Exports the users.
 *
 * @throws {LifecycleError} `TAKEN_OVER`; of the store; what the writer and the ids throw; the signal's reason
 */
export async function exportMany(
  parts: FhirParts,
  ids: Rows<string> | "all",
  options: ExportManyOptions,
  given: AbortSignal,
): Promise<ExportSummary> {
  const { engine } = parts;
  const { clock } = engine;
  const { name, versions = fhirVersions, types, allowShort = false, concurrency = 8, onProgress } = options;
  const writer = typeof options.write === "string" ? exportFolder(options.write) : options.write;
  refuseUnsearched(versions, types);
  const patiently = <T>(task: () => Promise<T>): Promise<T> =>
    retryWrite(engine, given, "export users", task);
  const before = await patiently(() => findRun(engine, "export", name));
  const place = await writer.begin(name, before?.target ?? undefined);
  const target = checkValue("export users", "what begin() of write resolves with", place, aPlace);
  const run = await patiently(() =>
    beginRun(engine, "export", name, { target, scope: { versions, types: types ?? null } }),
  );
  const of = await patiently(() => countOfUsers(engine, ids));
  const stop = linkSignals(given);
  const { signal } = stop;
  const pace = throttle(engine, options.everyMs);
  const began = clock.monotonic();
  const inHand: InHand = new Map();
  /** Users that are put off, and those that failed, with the reason. */
  const waiting = new Map<string, LifecycleError>();
  const failures = new Map<string, LifecycleError>();
  const counts = { exported: 0, present: 0, failed: 0, resources: 0, files: 0, short: 0, dangling: 0 };
  let unkept = 0;

  function progress(phase: ExportProgress["phase"]): ExportProgress {
    const { exported, present, failed, resources, files } = counts;
    const left = of === null ? null : of - exported - present - failed;
    const perUserMs = (clock.monotonic() - began) / exported;
    return {
      name,
      phase,
      of,
      exported,
      present,
      waiting: waiting.size + unkept,
      failed,
      resources,
      files,
      endsAt: left === null || left <= 0 || exported === 0 ? null : new Date(clock.now() + left * perUserMs),
    };
  }

  function report(phase: ExportProgress["phase"]): void {
    callListener(engine.settings.logger, "onProgress", onProgress, progress(phase));
  }

  function failed(id: string, error: LifecycleError): void {
    counts.failed++;
    if (failures.size < mostNamed) failures.set(id, error);
  }

  const refuseTakenOver = (): Promise<void> => patiently(() => run.refuseTakenOver());
  const begunAt = run.record.at;
  const exported = { name, writer, versions, types, allowShort, begunAt, refuseTakenOver };

  async function one(id: string): Promise<void> {
    try {
      await refuseTakenOver();
      const wrote = ({ resources, isShort, dangling }: Filled): void => {
        counts.resources += resources;
        if (resources > 0) counts.files++;
        if (isShort) counts.short++;
        counts.dangling += dangling;
        if (pace.isDue()) report("exporting");
      };
      const isNew = await exportUser(parts, id, exported, inHand, wrote, signal);
      if (isNew) counts.exported++;
      else counts.present++;
      waiting.delete(id);
    } catch (error) {
      signal.throwIfAborted(); // what ended the others is the reason, not what this user met because of it
      if (!isLifecycleError(error) || endsAll(error)) throw error;
      waiting.delete(id);
      if (!error.retryable) failed(id, error);
      else if (waiting.size < mostWaiting) waiting.set(id, error);
      else unkept++;
    }
    if (pace.isDue()) report("exporting");
  }

  function endsAll(error: LifecycleError): boolean {
    return ending.has(error.code) || engine.keys.isTrouble(error);
  }

  /** Up to `concurrency` at a time. The first error stops the others at their next page. */
  async function each(rows: Rows<string>): Promise<void> {
    await forEachRow(rows, concurrency, signal, async (row) => {
      await one(row).catch((error: unknown) => {
        stop.abort(error);
        throw error;
      });
    });
  }

  report("exporting");
  try {
    await each(chosenUsers(engine, ids, failed));
    for (let barren = 0; waiting.size > 0 && barren < mostRoundsWithoutProgress;) {
      await sleep(clock, Math.min(longestWaitMs, firstWaitMs * 2 ** barren), signal);
      const before = waiting.size;
      await each([...waiting.keys()]);
      barren = waiting.size < before ? 0 : barren + 1;
    }
  } finally {
    stop.release();
  }
  if (counts.failed + waiting.size + unkept === 0) {
    await refuseTakenOver();
    await writer.end?.();
  }
  report("done");
  const unfinished = [...waiting, ...failures].slice(0, mostNamed);
  return {
    ...progress("done"),
    short: counts.short,
    dangling: counts.dangling,
    unlistable: unlistableIn(versions, types),
    unfinished: unfinished.map(([appUserId, { code, message }]) => ({ appUserId, code, why: message })),
  };
}

/** The account's record keeps it: a run with another value would be none, and count as taken over. */
const aPlace: Rule = {
  must: "a text that names the place",
  holds: (value) => typeof value === "string",
};

/** Errors that concern more than one user. */
const ending: ReadonlySet<string> = new Set([
  "CLOSED",
  "INVALID_OPTION",
  "KEY_REFUSED",
  "STORE_MOVED",
  "STORE_UNUSABLE",
  "TAKEN_OVER",
]);
