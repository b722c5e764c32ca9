/**
 * `fhir.batch()` of a user: entries that are to be ensured are carried out beside the batch, because a Bundle cannot take
 * the lease that makes them safe to repeat.
 *
 * @module
 */
import { check, anything } from "../../checks.ts";
import { isLifecycleError } from "../../errors.ts";
import { checkEntries } from "../../fhir/batch/batch-entry.ts";
import type { AnyResult, BatchOptions } from "../../fhir/batch/batch.ts";
import type { Batch } from "../../fhir/batch/batch-verb.ts";
import { serialise } from "../../fhir/calls.ts";
import { checkResource } from "../../fhir/checks.ts";
import type { FhirVersion } from "../../fhir/fhir-version.ts";
import type { EnsureOptions } from "../../fhir/user-fhir-client.ts";
import type { JsonObject } from "../../http/json.ts";
import { asSent, checkBy, refuseUnfound } from "./ensure.ts";

type Ensure = (resource: object, options: EnsureOptions) => Promise<JsonObject>;

const ofEnsure = { type: anything, resource: anything, by: anything };

/** What `batch()` needs. */
export interface BatchParts {
  readonly batch: Batch;
  readonly ensure: Ensure;
  readonly version: FhirVersion;
}

/** See `UserFhirClient.batch`. */
export async function batchWithEnsures(
  { batch, ensure, version }: BatchParts,
  given: readonly object[],
  options: BatchOptions | undefined,
): Promise<readonly AnyResult[]> {
  const entries = checkEntries(given);
  const isEnsured = entries.map(({ type }) => type === "ensure");
  const ensured = entries.map((entry, index) => (isEnsured[index] ? prepare(version, entry, index) : null));
  const others = entries.filter((_, index) => !isEnsured[index]);
  // Refused as a whole, it throws: then nothing has begun.
  const results = others.length === 0 ? [] : [...(await batch(others, options))];
  const all = ensured.map(async (entry) => {
    if (entry === null) return [];
    return [await ensure(entry.resource, { by: entry.by, signal: options?.signal }).then(succeeded, failed)];
  });
  return (await Promise.all(all)).flatMap((own) => (own.length > 0 ? own : results.splice(0, 1)));
}

/** All that may be refused is refused here, and the resource is copied as it is now: the batch is sent before it. */
function prepare(
  version: FhirVersion,
  entry: Readonly<Record<string, unknown>>,
  index: number,
): Pick<EnsureOptions, "by"> & { readonly resource: object } {
  const task = `send entries[${index}] of the batch`;
  const { resource: given, by } = check(task, entry, ofEnsure);
  const resource = asSent(serialise(task, checkResource(task, given)));
  const identifier = checkBy(task, by, resource);
  refuseUnfound(version, resource);
  return { resource, by: { identifier } };
}

function succeeded(resource: JsonObject): AnyResult {
  return { error: null, status: undefined, id: String(resource["id"]), resource };
}

function failed(error: unknown): AnyResult {
  if (!isLifecycleError(error)) throw error; // the caller's reason to leave
  return { error, status: error.status, resource: null };
}
