/**
 * The public interface of the FHIR client. `create-fhir-client.ts` implements it.
 *
 * @module
 */
import type { AttachmentElement, AttachmentOptions, FhirAttachment } from "./attachment/attachment.ts";
import type { BatchEntry, BatchOptions, BatchResults } from "./batch/batch.ts";
import type { BulkExport, BulkExportOptions } from "./export/bulk-export.ts";
import type { FoundBy, SearchParamsOf } from "./query.ts";
import type { FhirPage } from "./pages/fhir-page.ts";
import type { FhirResources, FhirVersion, ResourceOf, ResourceType } from "./fhir-version.ts";
import type {
  CountOptions,
  CreateOptions,
  FhirCallOptions,
  FhirReadOptions,
  OperationOptions,
  SearchOptions,
  UpdateOptions,
  ValidateOptions,
} from "./fhir-call-options.ts";
import type { FhirPages, FhirWalk } from "./pages/fhir-walk.ts";
import type { FhirIssue } from "../http/fhir-issue.ts";

/** The result of a validation. */
export interface FhirValidation<O = unknown> {
  /** Whether the server found no error. */
  readonly isValid: boolean;
  /** Codes and places of all issues, also of warnings. They hold no values. */
  readonly issues: readonly FhirIssue[];
  /** The OperationOutcome as received; its texts may quote the resource. `null` if the server refused the resource. */
  readonly outcome: O | null;
}

/** A page of these resources. */
export type PageOf<V extends FhirVersion, R = FhirResources[V]> = FhirPage<R, FhirResources[V], BundleOf<V>>;

type BundleOf<V extends FhirVersion> = Extract<FhirResources[V], { readonly resourceType: "Bundle" }>;

/** A walk over pages of these resources. */
export type PagesOf<V extends FhirVersion, R = FhirResources[V]> = FhirPages<PageOf<V, R>>;

/** A walk over these resources. */
export type WalkOf<V extends FhirVersion, R = FhirResources[V]> = FhirWalk<R, PageOf<V, R>>;

/** A bulk export of this version. */
export type ExportOf<V extends FhirVersion> = BulkExport<
  FhirResources[V],
  Extract<FhirResources[V], { readonly resourceType: "OperationOutcome" }>
>;

/**
 * FHIR calls in one version, typed by version and resource type. All of them throw `LifecycleError`:
 *
 * - `INVALID_RESOURCE` and `INVALID_OPTION` before anything is sent; with `strict` also `NOT_DECLARED`
 * - `FHIR_REFUSED`, with `status` and `facts.issues`: the codes and places of the OperationOutcome; the message says
 *   if 1upHealth does not declare the call
 * - `FORBIDDEN` for a 403: 1upHealth does not allow this call, or a firewall on the way blocks it; not retryable
 * - `RATE_LIMITED`, with `retryAfterMs` if the server sent one
 * - `UNAVAILABLE` (retryable), also for a redirect, which is not followed
 * - `BAD_ANSWER` for a response that is not what was requested: a resource of another type or id, an unknown charset;
 *   retryable if it contains no JSON object (truncated, empty, a page of a proxy)
 * - `ANSWER_TOO_BIG` beyond `maxAnswerBytes`
 *
 * Reads and searches are repeated after a failure that may pass, see {@link FhirReadOptions}; `failedCall.attempt` and the
 * message of the error then tell how often it was tried. After a 401 the call is repeated once with another token. Numbers keep their digits: `1.50` is read as `1.5` and
 * written as `1.50`, see `parseFhirJson()`. No call takes a URL but
 * {@link FhirClient.attachment}, and that must be under the base of the version.
 */
export interface FhirClient<V extends FhirVersion> {
  /**
   * Creates a resource and returns the server's version of it, with the id and `meta` that the server assigned. It
   * can be read after a short delay (less than a second).
   *
   * @throws {LifecycleError} `IN_DOUBT` if the response was lost, 5xx or unreadable: the resource may exist
   * (`facts.id`, if the server named it; `facts.otherId`, if it was answered with another identifier: that is it in
   * another form, or a resource of another call), so look for it before you repeat the call; with `findBy` that was done,
   * and `facts.found` is the number of matches, unless the client was closed meanwhile; where it is 0, the create may still
   * be carried out later. `UNAVAILABLE` with `facts.id` if it
   * was created but could not be read in time, or before the client was closed
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const patient = await fhir.create(
   *   { resourceType: "Patient", identifier: [{ system: "http://example.org/mrn", value: "42" }] },
   *   { findBy: { identifier: "http://example.org/mrn|42" }, untilReadable: true },
   * );
   * ```
   */
  create<T extends ResourceType<V>>(
    resource: ResourceOf<V, T> & { readonly resourceType: T },
    options?: CreateOptions,
  ): Promise<ResourceOf<V, T>>;
  /**
   * Reads a resource by the id that 1upHealth assigned.
   *
   * @throws {LifecycleError} `FHIR_REFUSED` with `status` 404 if there is none; `BAD_ANSWER` if the response is not
   * that resource, or the 404 is a gateway's
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const { id = "" } = await fhir.create({ resourceType: "Patient" }, { untilReadable: true });
   * const patient = await fhir.read("Patient", id);
   * ```
   */
  read<T extends ResourceType<V>>(
    resourceType: T,
    id: string,
    options?: FhirReadOptions,
  ): Promise<ResourceOf<V, T>>;
  /**
   * Reads one version of a resource, by its `meta.versionId`.
   *
   * @throws as {@link FhirClient.read}
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const { id = "", meta } = await fhir.create({ resourceType: "Patient" }, { untilReadable: true });
   * const first = await fhir.vread("Patient", id, meta?.versionId ?? "1");
   * ```
   */
  vread<T extends ResourceType<V>>(
    resourceType: T,
    id: string,
    versionId: string,
    options?: FhirReadOptions,
  ): Promise<ResourceOf<V, T>>;
  /**
   * The versions of a resource, newest first; without an id, those of all resources of the type (dstu2, stu3).
   * Deletions are only in the page's `bundle`.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const patient = await fhir.create({ resourceType: "Patient" }, { untilReadable: true });
   * await fhir.update({ ...patient, gender: "female" });
   * const { resources } = await fhir.history("Patient", patient.id);
   * console.log(resources.length); // 2
   * ```
   */
  history<T extends ResourceType<V>>(
    resourceType: T,
    id?: string,
    options?: CountOptions,
  ): Promise<PageOf<V, ResourceOf<V, T>>>;
  /**
   * All versions of {@link FhirClient.history}, one by one, like {@link FhirClient.searchAll}.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const { id } = await fhir.create({ resourceType: "Patient" }, { untilReadable: true });
   * const walk = fhir.historyAll("Patient", id); // resume later with { cursor }
   * for await (const version of walk) console.log(version.meta?.versionId); // 1
   * ```
   */
  historyAll<T extends ResourceType<V>>(
    resourceType: T,
    id?: string,
    options?: CountOptions,
  ): WalkOf<V, ResourceOf<V, T>>;
  /**
   * Replaces a resource and returns the server's version of it.
   *
   * @throws {LifecycleError} `FHIR_CONFLICT` if it has changed since you read it; `IN_DOUBT` if the response was
   * lost, 5xx or unreadable: read it before you repeat the call
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const patient = await fhir.create({ resourceType: "Patient" }, { untilReadable: true });
   * const updated = await fhir.update({ ...patient, gender: "female" });
   * ```
   */
  update<T extends ResourceType<V>>(
    resource: ResourceOf<V, T> & { readonly resourceType: T },
    options?: UpdateOptions,
  ): Promise<ResourceOf<V, T>>;
  /**
   * Deletes a resource. Safe to repeat: if it is already gone, the call fails with `FHIR_REFUSED` and `status` 404,
   * or resolves.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const { id = "" } = await fhir.create({ resourceType: "Patient" }, { untilReadable: true });
   * await fhir.delete("Patient", id);
   * ```
   */
  delete(resourceType: ResourceType<V>, id: string, options?: FhirCallOptions): Promise<void>;
  /**
   * Carries out up to 20 entries in one call: creates, reads, updates and deletes. The results stand in the order of the
   * entries; an entry that fails fails alone, with an `error` in its result. 1upHealth carries them out one by one, in any
   * order, so none may depend on another one.
   *
   * If the answer is lost, or does not fit the entries (fewer of them, another order, resources that were not asked for),
   * what became of each entry is found out by itself: reads and deletes are repeated, and creates with `findBy` are looked
   * for. Creates without it, and updates, are `IN_DOUBT`; if the client is closed meanwhile, all writes are. 1upHealth documents batches, but its capability statements
   * declare none.
   *
   * @throws {LifecycleError} `INVALID_OPTION` for no or more than 20 entries, or the same `findBy` twice; as a call that is
   * refused as a whole. Nothing was carried out then
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
   * const [created, missing] = await fhir.batch([
   *   { type: "create", resource: patient, findBy: { identifier: "http://example.org/mrn|42" } },
   *   { type: "read", resourceType: "Observation", id: "none" },
   * ]);
   * console.log(created.id, missing.error?.status); // … 404
   * ```
   */
  batch<E extends readonly BatchEntry<V>[] | []>(
    entries: E,
    options?: BatchOptions,
  ): Promise<BatchResults<V, E>>;
  /**
   * One page of matches: ten resources unless `_count` is given. If a page would exceed `maxAnswerBytes`, it is
   * requested again with half as many resources, down to one.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const page = await fhir.search("Observation", {
   *   code: "http://loinc.org|29463-7",
   *   date: ["ge2026-01-01", "lt2027"],
   * });
   * for (let at: typeof page | null = page; at !== null; at = await at.next()) console.log(at.resources);
   * ```
   */
  search<T extends ResourceType<V>, const P extends SearchParamsOf<ResourceOf<V, T>> = {}>(
    resourceType: T,
    params?: P,
    options?: SearchOptions,
  ): Promise<PageOf<V, FoundBy<ResourceOf<V, T>, P>>>;
  /**
   * All matches, one by one, in constant memory, across expiring tokens and interruptions. Reads pages of 100 unless
   * `_count` is given, and the next page while you work on this one.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const walk = fhir.searchAll("Observation", { date: "ge2026" }); // resume later with { cursor }
   * for await (const observation of walk) console.log(observation.code, walk.cursor);
   * ```
   */
  searchAll<T extends ResourceType<V>, const P extends SearchParamsOf<ResourceOf<V, T>> = {}>(
    resourceType: T,
    params?: P,
    options?: SearchOptions,
  ): WalkOf<V, FoundBy<ResourceOf<V, T>, P>>;
  /**
   * All matches page by page, as {@link FhirClient.searchAll} reads them, with what `_include` added and the Bundles.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const pages = fhir.searchPages("Observation", { date: "ge2026" });
   * for await (const { resources, included } of pages) console.log(resources.length, included.length, pages.cursor);
   * ```
   */
  searchPages<T extends ResourceType<V>, const P extends SearchParamsOf<ResourceOf<V, T>> = {}>(
    resourceType: T,
    params?: P,
    options?: SearchOptions,
  ): PagesOf<V, FoundBy<ResourceOf<V, T>, P>>;
  /**
   * All resources about a patient, of any type, like {@link FhirClient.searchAll}.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const { id = "" } = await fhir.create({ resourceType: "Patient" }, { untilReadable: true });
   * for await (const resource of fhir.everything(id)) console.log(resource.resourceType); // Patient
   * ```
   */
  everything(patientId: string, options?: CountOptions): WalkOf<V>;
  /**
   * All resources about all patients that the credentials may read (`Patient/$everything`), each once, like
   * {@link FhirClient.everything}. 1upHealth's capability statement for r4 declares `$everything` of Patient alone.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * await fhir.create({ resourceType: "Patient" }, { untilReadable: true });
   * const walk = fhir.everythingOf("Patient", { count: 100 }); // resume later with { cursor }
   * for await (const resource of walk) console.log(resource.resourceType, walk.cursor); // Patient …
   * ```
   */
  everythingOf(resourceType: "Patient", options?: CountOptions): WalkOf<V>;
  /**
   * Exports in bulk (`$export`) from the analytics host, which the option `analytics` of the client names: resources
   * one by one, in constant memory, across expiring tokens and files that are cut.
   *
   * @throws {LifecycleError} `INVALID_OPTION` without `analytics`. While it is read: as for every call;
   * `CURSOR_EXPIRED` if the server lists other files than those of the cursor
   * @example
   * ```ts
   * import { createFhirClient, fetchTransport } from "oneup-lifecycle";
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle, sandbox } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
   * const fhir = createFhirClient({
   *   version: "r4",
   *   token: { get: () => lifecycle.accessToken("ada") },
   *   transport: fetchTransport(sandbox.fetch),
   *   analytics: "https://analytics.1up.health/bulk-data",
   * });
   * const exported = fhir.bulkExport({ types: ["Patient"] });
   * for await (const resource of exported) console.log(resource.resourceType, exported.cursor); // Patient …
   * ```
   */
  bulkExport(options?: BulkExportOptions<ResourceType<V>>): ExportOf<V>;
  /**
   * Opens the content of a Binary, by its id, or of an Attachment, by its `url` or its `data`. Resolves when the content
   * begins to arrive; it is read piece by piece, as you ask for it, and checked at the end. The token is sent to no address
   * outside the base of the version, after redirects too. It is requested again like a read.
   *
   * @throws {LifecycleError} `INVALID_RESOURCE` before anything is sent: for a `url` elsewhere, or a `hash` that is no SHA-1;
   * `ANSWER_TOO_BIG` beyond `maxBytes`; as {@link FhirAttachment} while it is read
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle, sandbox } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const scan = { resourceType: "Binary", contentType: "image/png", data: "iVBORw0KGgo=" };
   * const [id] = sandbox.addResources("ada", "r4", [scan]);
   * const fhir = lifecycle.fhir("ada", "r4");
   * const file = await fhir.attachment({ url: `Binary/${id}`, contentType: "image/png", size: 8 });
   * for await (const piece of file) console.log(file.contentType, piece.length); // image/png 8
   * ```
   */
  attachment(source: string | AttachmentElement, options?: AttachmentOptions): Promise<FhirAttachment>;
  /**
   * Asks 1upHealth whether a resource is valid (`$validate`), without storing it. It is repeated like a read.
   *
   * @throws {LifecycleError} as a read; an invalid resource is a result
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const { isValid, issues } = await fhir.validate({ resourceType: "Patient", birthDate: "yesterday" });
   * console.log(isValid, issues); // false [ { severity: "error", code: "value", … } ]
   * ```
   */
  validate<T extends ResourceType<V>>(
    resource: ResourceOf<V, T> & { readonly resourceType: T },
    options?: ValidateOptions,
  ): Promise<FhirValidation<Extract<FhirResources[V], { readonly resourceType: "OperationOutcome" }>>>;
  /**
   * Executes `$name` (`"validate"`, `"meta"`, …) and returns the response, or `null` if it is empty.
   *
   * @throws {LifecycleError} `IN_DOUBT` if it was a POST and the response was lost
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const { id = "" } = await fhir.create({ resourceType: "Patient" }, { untilReadable: true });
   * const bundle = await fhir.operation("everything", { resourceType: "Patient", id });
   * console.log(bundle?.resourceType); // Bundle
   * ```
   */
  operation(name: string, options?: OperationOptions<V>): Promise<FhirResources[V] | null>;
  /**
   * Lets another user of your application read this patient's data (`_permission`). Safe to repeat.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const doctor = await lifecycle.onboard("doctor");
   * const { id = "" } = await fhir.create({ resourceType: "Patient" }, { untilReadable: true });
   * if (doctor.oneupUserId !== null) await fhir.share(id, doctor.oneupUserId);
   * ```
   */
  share(patientId: string, oneupUserId: number, options?: FhirCallOptions): Promise<void>;
  /**
   * Ends that permission. Safe to repeat.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const doctor = await lifecycle.onboard("doctor");
   * const { id = "" } = await fhir.create({ resourceType: "Patient" }, { untilReadable: true });
   * if (doctor.oneupUserId !== null) await fhir.unshare(id, doctor.oneupUserId);
   * ```
   */
  unshare(patientId: string, oneupUserId: number, options?: FhirCallOptions): Promise<void>;
}
