/**
 * The methods for leaving 1upHealth: export, purge, receipts.
 *
 * @module
 */
import {
  anything,
  aSwitch,
  check,
  checkValue,
  whole,
  withMethods,
  type Rule,
  type Rules,
} from "../../checks.ts";
import { fhirVersions, isFhirVersion } from "../../fhir/fhir-version.ts";
import { aName, checkRows, reporting } from "../bulk/bulk-checks.ts";
import type { Rows } from "../bulk/for-each-row.ts";
import { aDoer, someOf } from "../operations/call-checks.ts";
import type { FhirParts } from "../fhir/fhir-of.ts";
import type { Cancellable } from "../options/call-options.ts";
import { isTypeName } from "./export-folder.ts";
import { exportMany } from "./export-many.ts";
import type { ExportManyOptions, ExportSummary } from "./export-many-options.ts";
import type { Leave } from "./enlist-user.ts";
import { forecastLeave } from "./forecast-leave.ts";
import type {
  DryLeaveOptions,
  LeaveForecast,
  LeaveSummary,
  OffboardManyOptions,
} from "./offboard-many-options.ts";
import { offboardMany, type Acting } from "./offboard-many.ts";
import { publicKeyOf, receiptKey } from "./receipt-chain.ts";

/** The methods for leaving. */
export interface LeaveVerbs {
  /**
   * Exports the FHIR resources of users as NDJSON: one file for each user, version and type, in a folder for each user
   * that is named by its `oneup_user_id`, or through a writer of your own. Each resource is in the files once. Decimals
   * keep their digits. Of types that 1upHealth lets no client search, such as Binary in r4, those are exported that others
   * refer to; `unlistable` of the result names them. Old versions of resources are not exported.
   *
   * Tokens are renewed on the way, FHIR calls stay within the account's limits, and users whose token is not there yet
   * are tried again until none of them has come further for about half an hour. A user that failed is read as the client.
   * Users that were offboarded are counted as failed. After a crash, or when users are unfinished, call it again with the
   * same `name`: finished users and files are left as they are, and the rest goes on where it stopped. A user that was
   * offboarded and has started over since is exported again, into a folder of its own. A resource that changes while its
   * type is read is in its file in one of its versions; what is written after its user was finished is in no file.
   *
   * @param ids `app_user_id`s, or `"all"` users here; one that is listed twice counts once
   * @throws {LifecycleError} `INVALID_OPTION`; `TAKEN_OVER` if another process begins the same name; `STORE_UNUSABLE`;
   * `KEY_REFUSED` of the account. Transient errors are retried. Also throws what the writer throws (a disk that is full),
   * what the ids throw, and the signal's reason
   * @example
   * ```ts
   * import { mkdtemp } from "node:fs/promises";
   * import { tmpdir } from "node:os";
   * import { join } from "node:path";
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" }, { untilReadable: true });
   * const write = join(await mkdtemp(join(tmpdir(), "leaving-")), "export");
   * const { exported, resources } = await lifecycle.exportMany("all", { name: "2026", write, types: ["Patient"] });
   * console.log(exported, resources); // 1 1
   * ```
   */
  exportMany(ids: Rows<string> | "all", options: ExportManyOptions): Promise<ExportSummary>;
  /**
   * Offboards a list of users, or all, erases their data at 1upHealth, and keeps a signed receipt of each. **Without
   * `count` it runs dry**: it returns how many users they are and when it would end, and changes nothing. With the `count`
   * of the dry run it acts.
   *
   * First it notes in each user's record that it leaves, which erases its secrets; from then on the list is fixed, and
   * users who sign up later, even under an id of the list, stay. Then it works for all users, as {@link work} does, until
   * each purge is confirmed: one management call a user, in the lane "recovery". A user whose purge is in doubt or was
   * refused gets no receipt. It returns without them once no user has left for an hour and 1upHealth refuses the calls of
   * all that are left (or an operator holds them), or for a day if their calls fail in another way. Call it again with the same `name`, `count` and `receipts` after a crash, or once users that
   * it names in `unfinished` are exported or were fixed with {@link retry}.
   *
   * A receipt names the user by its `oneup_user_id` alone, and tells what was erased, when, and the SHA-256 of 1upHealth's
   * answers. Each receipt has the hash of the one before, and a signature that {@link receiptsKey} verifies; once every
   * user has one, they are closed with their count. `verifyReceipts()` notices one that is missing, changed or cut off.
   *
   * @param ids `app_user_id`s, which are held in memory, or `"all"` users here; one that is listed twice counts once
   * @throws {LifecycleError} `INVALID_OPTION`, also if `count` is not their number now; `TAKEN_OVER` if another process
   * begins the same name; `STORE_UNUSABLE`; `KEY_REFUSED` of the account. Transient errors are retried. Also throws what
   * the receipts and the ids throw, and the signal's reason
   * @example
   * ```ts
   * import { mkdtemp } from "node:fs/promises";
   * import { tmpdir } from "node:os";
   * import { join } from "node:path";
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const receipts = join(await mkdtemp(join(tmpdir(), "leaving-")), "receipts.ndjson");
   * const { count, endsAt } = await lifecycle.offboardMany("all", { name: "2026" }); // a dry run
   * console.log(count, endsAt !== null); // 1 true
   * const { closed, unfinished } = await lifecycle.offboardMany("all", { name: "2026", count, receipts });
   * console.log(closed, unfinished); // true []
   * ```
   */
  offboardMany(ids: Rows<string> | "all", options: OffboardManyOptions): Promise<LeaveSummary>;
  /** The dry run. */
  offboardMany(
    ids: Rows<string> | "all",
    options: DryLeaveOptions & { readonly count?: undefined },
  ): Promise<LeaveForecast>;
  /**
   * The public key of this store's receipts, for `verifyReceipts()`. It stays the same for the life of the store, and
   * moves with it.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * console.log(lifecycle.receiptsKey().length); // 43
   * ```
   */
  receiptsKey(): string;
}

/** What the methods need of the lifecycle. */
export interface LeaveParts extends FhirParts {
  /** Throws if the lifecycle is closed. */
  readonly assertOpen: () => void;
  /** Runs a long task until it ends, or until the caller or closing aborts it. */
  readonly whileOpen: <T>(options: Cancellable, task: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  /** Works for all users until the signal aborts. */
  readonly help: (signal: AbortSignal) => Promise<unknown>;
}

/** The methods for leaving, on an engine. */
export function createLeaveVerbs(parts: LeaveParts): LeaveVerbs {
  const { engine, assertOpen, whileOpen, help } = parts;

  /** Without a count it is a dry run. */
  async function leave(
    ids: Rows<string> | "all",
    given: OffboardManyOptions | (DryLeaveOptions & { readonly count?: undefined }),
  ): Promise<LeaveForecast | LeaveSummary> {
    assertOpen();
    const options = checkLeaving(ids, given);
    return whileOpen<LeaveForecast | LeaveSummary>(options, async (signal) =>
      options.count === undefined
        ? forecastLeave(engine, ids, options, signal)
        : offboardMany(engine, ids, options, signal, help),
    );
  }

  return {
    async exportMany(ids, given) {
      assertOpen();
      const options = checkExporting(ids, given);
      return whileOpen(options, (signal) => exportMany(parts, ids, options, signal));
    },
    offboardMany: leave as LeaveVerbs["offboardMany"], // with a count it is a leave, without one a forecast
    receiptsKey: () => publicKeyOf(receiptKey(engine.keys.view.names)),
  };
}

const aListOf = (what: string, isOne: (value: unknown) => boolean): Rule => ({
  must: `a list of ${what}`,
  holds: (value) => Array.isArray(value) && value.length > 0 && value.every(isOne),
});

const aPathOr = (what: string, ...methods: readonly string[]): Rule => ({
  must: `the path of ${what} with the methods ${methods.join(", ")}`,
  holds: (value) => (typeof value === "string" ? value !== "" : withMethods(...methods).holds(value)),
});

const aWriter: Rule = aPathOr("a folder, or a writer", "begin", "open");

const exporting: Rules<ExportManyOptions> = {
  name: aName,
  write: aWriter,
  versions: aListOf(fhirVersions.join(", "), isFhirVersion),
  types: aListOf("resource types such as Patient, in letters, the first a capital", isTypeName),
  allowShort: aSwitch,
  concurrency: whole(1, 64),
  ...reporting,
};

/** @throws {LifecycleError} `INVALID_OPTION` */
function checkExporting(ids: Rows<string> | "all", given: ExportManyOptions): ExportManyOptions {
  const verb = "export users";
  const checked = check(verb, given, exporting);
  if (ids !== "all") checkRows(verb, ids);
  const name = checkValue(verb, "name", checked.name as string, aName); // a text, or it throws
  const write = checkValue(verb, "write", checked.write as ExportManyOptions["write"], aWriter); // likewise
  const { versions, types } = checked;
  return {
    ...checked,
    name,
    write,
    ...(versions !== undefined && { versions: [...new Set(versions)] }),
    ...(types !== undefined && { types: [...new Set(types)] }),
  };
}

const aLog: Rule = aPathOr("a file, or a log", "open", "append", "close");

const leaving: Rules<OffboardManyOptions> = {
  name: aName,
  purge: anything,
  onlyAfterExport: aName,
  allowPartialExport: aSwitch,
  takeOver: aName,
  count: whole(0),
  receipts: aLog,
  forget: aSwitch,
  by: aDoer,
  ...reporting,
};

/** @throws {LifecycleError} `INVALID_OPTION` */
function checkLeaving(
  ids: Rows<string> | "all",
  given: OffboardManyOptions | (DryLeaveOptions & { readonly count?: undefined }),
): Acting | (Leave & Cancellable & { readonly count?: undefined }) {
  const verb = "offboard a list";
  const checked = check<OffboardManyOptions>(verb, given as OffboardManyOptions, leaving);
  if (ids !== "all") checkRows(verb, ids);
  const name = checkValue(verb, "name", checked.name as string, aName); // a text, or it throws
  const {
    purge = true,
    onlyAfterExport,
    allowPartialExport = false,
    takeOver,
    by,
    count,
    receipts,
    ...others
  } = checked;
  const versions = someOf(verb, "purge", purge, fhirVersions);
  const leave = { ...others, name, purge: versions, onlyAfterExport, allowPartialExport, takeOver, by };
  if (count === undefined) return leave;
  return { ...leave, count, receipts: checkValue(verb, "receipts", receipts as string, aLog) }; // or it throws
}
