/**
 * The methods with which an application leaves 1upHealth.
 *
 * @module
 */
import {
  aFunction,
  aSignal,
  between,
  check,
  checkValue,
  whole,
  withMethods,
  type Rule,
  type Rules,
} from "../../checks.ts";
import { fhirVersions } from "../../fhir/fhir-version.ts";
import { aName, checkRows } from "../bulk/bulk-checks.ts";
import type { Rows } from "../bulk/for-each-row.ts";
import type { FhirParts } from "../operations/fhir-of.ts";
import type { Cancellable } from "../options/call-options.ts";
import { isTypeName } from "./export-folder.ts";
import { exportMany } from "./export-many.ts";
import type { ExportManyOptions, ExportSummary } from "./export-options.ts";

/** The methods for leaving. */
export interface LeaveVerbs {
  /**
   * Exports the FHIR resources of users as NDJSON: one file for each user, version and type, in a folder for each user
   * that is named by its `oneup_user_id`, or through a writer of your own. Each resource is in the files once. Decimals
   * keep their digits.
   *
   * Tokens are renewed on the way, FHIR calls stay within the account's limits, and users whose token is not there yet
   * are tried again until none of them has come further for about half an hour. A user that failed is read as the client.
   * Users that were offboarded are counted as failed. After a crash, or when users are unfinished, call it again with the
   * same `name`: finished users and files are left as they are, and the rest goes on where it stopped. A resource that
   * changes while its type is read is in its file in one of its versions.
   *
   * @param ids `app_user_id`s, or `"all"` users here
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
}

/** What the methods need of the lifecycle. */
export interface LeaveParts extends FhirParts {
  /** Throws if the lifecycle is closed. */
  readonly open: () => void;
  /** Runs a long task until it ends, or until the caller or closing aborts it. */
  readonly whileOpen: <T>(options: Cancellable, task: (signal: AbortSignal) => Promise<T>) => Promise<T>;
}

/** The methods for leaving, on an engine. */
export function createLeaveVerbs(parts: LeaveParts): LeaveVerbs {
  const { open, whileOpen } = parts;
  return {
    async exportMany(ids, given) {
      open();
      const options = checkExporting(ids, given);
      return whileOpen(options, (signal) => exportMany(parts, ids, options, signal));
    },
  };
}

const someVersions: Rule = {
  must: `a list of ${fhirVersions.join(", ")}`,
  holds: (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((one: unknown) => fhirVersions.some((known) => known === one)),
};

const someTypes: Rule = {
  must: "a list of resource types, in letters",
  holds: (value) => Array.isArray(value) && value.length > 0 && value.every(isTypeName),
};

const aWriter: Rule = {
  must: "the path of a folder, or a writer with the methods begin, open",
  holds: (value) => (typeof value === "string" ? value !== "" : withMethods("begin", "open").holds(value)),
};

const exporting: Rules<ExportManyOptions> = {
  name: aName,
  write: aWriter,
  versions: someVersions,
  types: someTypes,
  concurrency: whole(1, 64),
  everyMs: between(10, 86_400_000),
  onProgress: aFunction,
  signal: aSignal,
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
