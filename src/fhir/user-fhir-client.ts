/**
 * The public interface of the FHIR client of a user of a lifecycle: it has a store, so it can do more.
 *
 * @module
 */
import type { BatchOptions, BatchResults, UserBatchEntry } from "./batch/batch.ts";
import type { FhirCallOptions } from "./fhir-call-options.ts";
import type { FhirClient } from "./fhir-client.ts";
import type { FhirVersion, ResourceOf, ResourceType } from "./fhir-version.ts";

/** Options of {@link UserFhirClient.ensure}. */
export interface EnsureOptions extends FhirCallOptions {
  /**
   * One of the resource's own identifiers, `"system|value"`, or `"|value"` if it has no system. No other resource of its
   * type has it. It contains no further `|`, no comma, `$` or `\`.
   */
  readonly by: { readonly identifier: string };
  /**
   * How long to wait at most for a create that may be under way, of this process or another one, ms. A call that has begun
   * is not interrupted.
   * @default 2 * timeoutMs + 2 * graceMs + 40_000: two minutes, longer than a process that died can be in the way
   */
  readonly waitMs?: number | undefined;
}

/** A {@link FhirClient} of a user of a lifecycle, as `lifecycle.fhir()` returns it. */
export interface UserFhirClient<V extends FhirVersion> extends FhirClient<V> {
  /**
   * Returns the resource with this identifier, and creates it if there is none. However often and wherever it is called,
   * by double clicks, in many processes at once, again after a crash, one resource is created.
   *
   * It searches first. If the search finds nothing, one process at a time creates, and it resolves when a search shows the
   * resource, which takes a second or two. For 10 s after a create others only search. A create whose response was lost, or
   * was that of a gateway, is looked for until it is found or can no longer arrive; only then is another one sent. All this
   * holds for calls of `ensure()` with the same store and the same identifier: a `create()` beside it is not held back, nor
   * is a call by another identifier of the resource. Within a second after a `delete()` it may return the deleted resource,
   * as long as a search shows it.
   *
   * @throws {LifecycleError} `FHIR_AMBIGUOUS` if several resources have the identifier: `facts.ids` lists up to ten;
   * `NOT_DECLARED` for a type that 1upHealth cannot search by identifier, before anything is sent; `INVALID_OPTION` if the
   * resource does not carry the identifier; `IN_DOUBT` (retryable) if it is still unknown after `waitMs`; `BAD_ANSWER` if a
   * search returns resources without the identifier; `BAD_ANSWER` (retryable) if a search contradicts itself; `BAD_ANSWER`
   * with `facts.id` if the create was answered with another resource than any search shows: then do not repeat it
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const patient = await fhir.ensure(
   *   { resourceType: "Patient", identifier: [{ system: "http://example.org/mrn", value: "42" }] },
   *   { by: { identifier: "http://example.org/mrn|42" } },
   * );
   * ```
   */
  ensure<T extends ResourceType<V>>(
    resource: ResourceOf<V, T> & { readonly resourceType: T },
    options: EnsureOptions,
  ): Promise<ResourceOf<V, T>>;
  /**
   * As {@link FhirClient.batch}, and entries may be `ensure`: those are carried out by {@link UserFhirClient.ensure},
   * each by calls of its own, after the others.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const patient = {
   *   resourceType: "Patient" as const,
   *   identifier: [{ system: "http://example.org/mrn", value: "42" }],
   * };
   * const [ensured] = await fhir.batch([
   *   { type: "ensure", resource: patient, by: { identifier: "http://example.org/mrn|42" } },
   * ]);
   * console.log(ensured.resource?.id);
   * ```
   */
  batch<E extends readonly UserBatchEntry<V>[] | []>(
    entries: E,
    options?: BatchOptions,
  ): Promise<BatchResults<V, E>>;
}
