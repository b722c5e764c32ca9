/**
 * The options, progress and result of an export, and where it writes.
 *
 * @module
 */
import type { ErrorCode } from "../../errors.ts";
import type { FhirVersion } from "../../fhir/fhir-version.ts";
import type { Cancellable } from "../options/call-options.ts";

/** One file of an export: the resources of one type that one user has in one FHIR version. */
export interface ExportFile {
  /** The user's number at 1upHealth. */
  readonly oneupUserId: number;
  readonly version: FhirVersion;
  /** A resource type: letters only. */
  readonly type: string;
  /**
   * When the user started over after it was offboarded or forgotten, ms since 1970; `null`: it never did. What it had
   * before is in files of its own, which differ in this alone, so it is a part of the file's name.
   */
  readonly restarted: number | null;
}

/**
 * Where an export writes. `exportFolder()` returns one for a folder. Several files are open at once. If another process
 * opens a file that is open here, `append` and `finish` must write nothing that the other one has read or may finish, and
 * `finish` must never replace a file that is whole.
 */
export interface ExportWriter {
  /**
   * Called first. Returns a text that names this place for as long as it exists: an export by the same name that writes
   * elsewhere is refused. `before`: the text of this export, where it was begun earlier. A place that has no text yet then
   * takes none, and returns another one, so that it stays free for another export.
   */
  begin(name: string, before?: string): Promise<string>;
  /** Opens a file, and what an earlier process has written of it up to its last cursor. */
  open(file: ExportFile): Promise<OpenExportFile>;
  /** Called when every user is finished: what killed processes have left of unfinished files can go. */
  end?(): Promise<void>;
}

/** A file of an export that is being written. */
export interface OpenExportFile {
  /** It was finished before: only `lines` and `close` are called. */
  readonly isWhole: boolean;
  /** Where to go on: the cursor of the last `append` that had one; `null`: at the beginning. */
  readonly cursor: string | null;
  /** The lines written up to that cursor, or all of a whole file; called once at most, before `append`. */
  lines(): AsyncIterable<string> | Promise<AsyncIterable<string>>;
  /** Appends whole lines. With a cursor, the lines so far and the cursor are durable when it resolves. */
  append(lines: string, cursor: string | null): Promise<void>;
  /** Removes what was written: it begins anew. */
  restart(): Promise<void>;
  /** Makes the file whole and durable. One without lines need not exist. */
  finish(): Promise<void>;
  /** Another process goes on with the export: what this one wrote of the file can go. Only `close` is called then. */
  discard?(): Promise<void>;
  /** Releases it as it is, to go on later. Called in any case, last. */
  close(): Promise<void>;
}

/** Options of {@link LeaveVerbs.exportMany}. */
export interface ExportManyOptions extends Cancellable {
  /**
   * The name of the export: starting it again by the same name resumes it. 1 to 64 letters, digits and `._-`; stored
   * unencrypted.
   */
  readonly name: string;
  /** A folder, which is created, or must be empty, or hold this export; or a writer of your own. */
  readonly write: string | ExportWriter;
  /** The FHIR versions. @default all three */
  readonly versions?: readonly FhirVersion[] | undefined;
  /**
   * The resource types. Each that can be searched costs at least one FHIR call a user and version; of others, such as
   * Binary in r4, each resource that one of the exported types refers to costs a call. @default all that 1upHealth
   * declares in that version, more than a hundred
   */
  readonly types?: readonly string[] | undefined;
  /**
   * Finish files that have fewer resources than 1upHealth counts, or may have because its total changed while they were
   * read by offsets, after a second reading, or that lack one which others refer to and 1upHealth refuses to show. Without it, such a user is not exported, and no purge `onlyAfterExport` takes it.
   * @default false
   */
  readonly allowShort?: boolean | undefined;
  /** How many users at once, 1 to 64; each holds one page in memory. @default 8 */
  readonly concurrency?: number | undefined;
  /** The shortest time between two calls of `onProgress`, ms, 10 to 86 400 000. @default 1_000 */
  readonly everyMs?: number | undefined;
  /** If it throws or its promise rejects, that is logged without the error's message, and the export continues. */
  readonly onProgress?: ((progress: ExportProgress) => void) | undefined;
}

/** The progress of an export. */
export interface ExportProgress {
  readonly name: string;
  readonly phase: "exporting" | "done";
  /** All users, if that is known before the end. */
  readonly of: number | null;
  /** Users that this call has finished. */
  readonly exported: number;
  /** Users that were finished before, or whose data had been erased before the export was begun. */
  readonly present: number;
  /** Users that are put off: their token is being renewed, or 1upHealth does not answer. */
  readonly waiting: number;
  /** Users that cannot be exported as they are. */
  readonly failed: number;
  /** Resources and files that this call has written. */
  readonly resources: number;
  readonly files: number;
  /** When it ends if it goes on at this pace; `null`: that is not known. */
  readonly endsAt: Date | null;
}

/** A user that an export has not finished. */
export interface UnexportedUser {
  readonly appUserId: string;
  readonly code: ErrorCode;
  /** The reason in words, without the user's id. */
  readonly why: string;
}

/** Resource types that 1upHealth lets no client search, by FHIR version; versions without any are missing. */
export type UnlistableTypes = Readonly<Partial<Record<FhirVersion, readonly string[]>>>;

/** The result of {@link LeaveVerbs.exportMany}. */
export interface ExportSummary extends ExportProgress {
  /**
   * With `allowShort`: files that this call has finished with fewer resources than the `total` that 1upHealth named for them,
   * or whose total changed while they were read by offsets. It may count some that it does not show.
   */
  readonly short: number;
  /**
   * References that this call found to lead nowhere (404, 410), to resources of the types in `unlistable`. With
   * `allowShort`: and those that 1upHealth refused to show.
   */
  readonly dangling: number;
  /**
   * Types of the export that 1upHealth lets no client search, by version: those of their resources are exported that others
   * refer to, and none else.
   */
  readonly unlistable: UnlistableTypes;
  /** The first hundred users that it has not finished, waiting or failed. */
  readonly unfinished: readonly UnexportedUser[];
}
