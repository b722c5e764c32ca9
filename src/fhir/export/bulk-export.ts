/**
 * The public interface of a bulk export. `create-bulk-export.ts` implements it.
 *
 * @module
 */
/** Options of {@link FhirClient.bulkExport}. */
export interface BulkExportOptions<Type extends string = string> {
  /** Aborts the waits; the export then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How often each call, and each piece of a file, is repeated after a failure that may pass. @default 5 */
  readonly retries?: number | undefined;
  /**
   * What is exported: all that the credentials may read, the data of all patients, or that of the members of a group.
   * 1upHealth documents a group for `client` credentials only.
   * @default "all"
   */
  readonly of?: "all" | "patients" | { readonly group: string } | undefined;
  /** Only resources of these types. @default all types */
  readonly types?: readonly Type[] | undefined;
  /** Only resources that have changed since: a FHIR instant, such as `"2026-01-01T00:00:00Z"`. */
  readonly since?: string | undefined;
  /** Continue an export from its {@link BulkExport.cursor}, with the same `of`, `types` and `since`. */
  readonly cursor?: string | undefined;
  /**
   * How long to wait for the answer to the kick-off, ms, 10 to 86 400 000, in place of the timeout of other calls. 1upHealth
   * documents that it lists the files, so it may come only once all of them are prepared.
   * @default 300_000
   */
  readonly kickOffMs?: number | undefined;
  /** How long to wait for the server to prepare the files, ms, or `Infinity`. @default 86_400_000 (a day) */
  readonly waitMs?: number | undefined;
}

/** A file that the server lists. */
export interface BulkExportFile {
  readonly type: string;
  /** `output`: the resources; `error`: OperationOutcomes about what is missing; `deleted`: what no longer exists. */
  readonly list: "output" | "error" | "deleted";
  /** Its link. Those of some servers need no credentials, so treat it as a secret. */
  readonly url: string;
  /** The number of resources in it, if the server returns it. */
  readonly count: number | undefined;
}

/** How far an export has come in this process. */
export interface BulkExportProgress {
  /** Before the kick-off, while the server prepares the files, while they are read, and after the last one. */
  readonly phase: "new" | "preparing" | "reading" | "done";
  /** The server's words while it prepares, such as `50%`. */
  readonly server: string | undefined;
  /** The number of files, once it is known, and how many of them have been read. */
  readonly files: number | undefined;
  readonly filesRead: number;
  /** What this process has read. */
  readonly resources: number;
  readonly bytes: number;
}

/**
 * An export: its resources one by one, in the order of the files. Memory holds one piece of a file, and the next one is
 * read when you ask for it. Files that are cut are continued where they were cut. Nothing is sent before the loop begins,
 * or one of the methods is called.
 */
export interface BulkExport<R = unknown, Outcome = unknown> extends AsyncIterable<R> {
  /**
   * The current position, for {@link BulkExportOptions.cursor} in any process: no resource is skipped, and only the
   * current one is repeated. `undefined` when all has been read. It holds no token, and no link of a file.
   */
  readonly cursor: string | undefined;
  readonly progress: BulkExportProgress;
  /**
   * Starts the export, unless that has happened. Store the {@link BulkExport.cursor} then: a process that dies while
   * the server prepares the files waits for the same ones.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const data = lifecycle.fhir("ada", "r4", { analytics: "https://analytics.1up.health/bulk-data" }).bulkExport();
   * await data.start();
   * console.log(data.cursor); // store it
   * ```
   */
  start(): Promise<void>;
  /**
   * Waits until the server has prepared the files, and lists them.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const data = lifecycle.fhir("ada", "r4", { analytics: "https://analytics.1up.health/bulk-data" }).bulkExport();
   * for (const { type, count } of await data.files()) console.log(type, count);
   * ```
   */
  files(): Promise<readonly BulkExportFile[]>;
  /**
   * The OperationOutcomes about what the server could not export.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const data = lifecycle.fhir("ada", "r4", { analytics: "https://analytics.1up.health/bulk-data" }).bulkExport();
   * for await (const outcome of data.outcomes()) console.log(outcome.issue);
   * ```
   */
  outcomes(): AsyncGenerator<Outcome, void, undefined>;
  /**
   * Ends the export at the server, which may then delete the files, and here: what waits for files or reads them, now or
   * later, rejects. Safe to repeat.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const data = lifecycle.fhir("ada", "r4", { analytics: "https://analytics.1up.health/bulk-data" }).bulkExport();
   * await data.start();
   * await data.cancel();
   * ```
   */
  cancel(): Promise<void>;
}

/** An export without static types. */
export type AnyExport = BulkExport<Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>>;
