/**
 * The FHIR client in words. `client.ts` is what it does.
 *
 * @module
 */
import type { SearchParams } from "./query.ts";
import type { FhirPage } from "./page.ts";
import type { FhirResources, FhirVersion, ResourceOf, ResourceType } from "./versions.ts";
import type { FhirWalk } from "./walk.ts";

/** Options of every call. */
export interface FhirCallOptions {
  /** Ends the wait; the call then rejects with the signal's reason, and what writes may have been carried out. */
  readonly signal?: AbortSignal | undefined;
}

/** By what a created resource is found again, if the answer to its creation was lost. */
export type FindBy =
  /** One of its own identifiers, `"system|value"`, that no other resource of its type has. */
  | { readonly identifier: string }
  /** One of its own tags, `"system|code"`. 1upHealth has been seen to replace `meta`, tags and all. */
  | { readonly tag: string };

/** Options of {@link FhirClient.create}. */
export interface CreateOptions extends FhirCallOptions {
  /**
   * If the answer is lost, the resource is looked for by this, for 5 s at most, and the call resolves with it. Without it,
   * and if it is not found, the error says `IN_DOUBT`.
   */
  readonly findBy?: FindBy | undefined;
  /**
   * Resolve only when the resource can be read: 1upHealth shows it after a short delay (below a second). It waits 10 s at
   * most, or `withinMs`, 100 to 600 000.
   * @default false
   */
  readonly untilReadable?: boolean | { readonly withinMs: number } | undefined;
}

/** Options of {@link FhirClient.update}. */
export interface UpdateOptions extends FhirCallOptions {
  /**
   * Refuse to replace another version than the one in `meta.versionId` of the resource, by `If-Match`. `true` demands that
   * it has one.
   * @default on where `r4` and a `meta.versionId` come together: 1upHealth declares versioned updates for r4 alone
   */
  readonly ifMatch?: boolean | undefined;
  /** 1upHealth declares a PUT; a page of its guide shows a POST to the resource's id. @default "PUT" */
  readonly method?: "PUT" | "POST" | undefined;
}

/** Options of calls that give pages. */
export interface PageOptions extends FhirCallOptions {
  /** Begin at this page: `nextCursor` of a page, or `cursor` of a walk, of the same search. */
  readonly cursor?: string | undefined;
}

/** Options of {@link FhirClient.history} and {@link FhirClient.everything}. */
export interface CountOptions extends PageOptions {
  /** Resources on a page, 1 to 100. @default 10, as 1upHealth has it */
  readonly count?: number | undefined;
}

/** Options of {@link FhirClient.operation}. */
export interface OperationOptions<V extends FhirVersion> extends FhirCallOptions {
  /** Of this type; without it, of the whole server. */
  readonly resourceType?: ResourceType<V> | undefined;
  /** Of this one resource. */
  readonly id?: string | undefined;
  /** What goes into the query. */
  readonly params?: SearchParams | undefined;
  /** What is posted, e.g. a Parameters resource; without it the operation is a GET. */
  readonly body?: FhirResources[V] | undefined;
}

/** A page of these resources. */
export type PageOf<V extends FhirVersion, R = FhirResources[V]> = FhirPage<R, FhirResources[V], BundleOf<V>>;

type BundleOf<V extends FhirVersion> = Extract<FhirResources[V], { readonly resourceType: "Bundle" }>;

/** A walk over these resources. */
export type WalkOf<V extends FhirVersion, R = FhirResources[V]> = FhirWalk<R, PageOf<V, R>>;

/**
 * FHIR calls in one version, typed by version and resource type. All of them throw `LifecycleError`: `INVALID_RESOURCE` and
 * `INVALID_OPTION` before anything is sent; `NOT_DECLARED` with `strict`; `FHIR_REFUSED` (with `status` and `facts.issues`:
 * the codes and places of the OperationOutcome), `FORBIDDEN`, `RATE_LIMITED` (with `retryAfterMs` if the server said) and
 * `UNAVAILABLE` (retryable); `BAD_ANSWER` for an answer that is not what was asked for, a resource of another type or id
 * included. A 401 is answered once with another token. A refusal of what 1upHealth does not declare says so.
 *
 * Numbers keep their digits: `1.50` is read as `1.5` and written as `1.50`, see `parseFhirJson()`. No call takes a URL: what
 * stands in an attachment is fetched by you, without the token.
 */
export interface FhirClient<V extends FhirVersion> {
  /**
   * Creates a resource and gives back the server's, which has another id and `meta` than the one that was sent.
   * It can be read after a short delay (less than a second).
   *
   * @throws {LifecycleError} `IN_DOUBT` if the answer was lost, 5xx or unreadable: the resource may exist
   * (`facts.id`, if the server named it), so look for it before you repeat the call; with `findBy` that was done, and
   * `facts.found` says how many there are. `UNAVAILABLE` with `facts.id` if it was created and cannot be read in time
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
   * Reads a resource by the id that 1upHealth gave it.
   *
   * @throws {LifecycleError} `FHIR_REFUSED` with `status` 404 if there is none; `BAD_ANSWER` if the answer is no
   * such resource
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
    options?: FhirCallOptions,
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
    options?: FhirCallOptions,
  ): Promise<ResourceOf<V, T>>;
  /**
   * The versions of a resource, newest first; without an id, those of all of its type (dstu2, stu3). Deletions stand in the
   * page's `bundle` only.
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
   * Replaces a resource by what you give, and gives back the server's.
   *
   * @throws {LifecycleError} `FHIR_CONFLICT` if it has changed since you read it; `IN_DOUBT` if the answer was lost, 5xx or
   * unreadable: read it before you repeat the call
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
   * Deletes a resource. May be repeated: one that is gone answers `FHIR_REFUSED` with `status` 404, or resolves.
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
   * One page of what matches, ten resources unless `_count` says otherwise.
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
  search<T extends ResourceType<V>>(
    resourceType: T,
    params?: SearchParams,
    options?: PageOptions,
  ): Promise<PageOf<V, ResourceOf<V, T>>>;
  /**
   * Everything that matches, one by one, in constant memory, across expiring tokens and interruptions. Pages of 100 unless
   * `_count` says otherwise.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "r4");
   * const walk = fhir.searchAll("Observation", { date: "ge2026" }); // { cursor } goes on there
   * for await (const observation of walk) console.log(observation.code, walk.cursor);
   * ```
   */
  searchAll<T extends ResourceType<V>>(
    resourceType: T,
    params?: SearchParams,
    options?: PageOptions,
  ): WalkOf<V, ResourceOf<V, T>>;
  /**
   * Everything about a patient, of any type, as {@link FhirClient.searchAll}.
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
   * Carries out `$name` (`"validate"`, `"meta"`, …) and gives back what it answers, `null` if that is nothing.
   *
   * @throws {LifecycleError} `IN_DOUBT` if it was posted and the answer was lost
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
   * Lets another user of your application read this patient's data (`_permission`). May be repeated.
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
   * Ends that. May be repeated.
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
