/**
 * The options, progress and results of a leave, and where its receipts are kept.
 *
 * @module
 */
import type { FhirVersion } from "../../fhir/fhir-version.ts";
import type { Cancellable } from "../options/call-options.ts";
import type { UnexportedUser, UnlistableTypes } from "./export-many-options.ts";

/** Where receipts are kept. `receiptFile()` returns one for a file. */
export interface ReceiptLog {
  /**
   * The lines so far, in order; called once, first. Once it has ended, `append` of a process that opened it before must
   * reject, and add nothing.
   */
  open(): AsyncIterable<string> | Promise<AsyncIterable<string>>;
  /** Appends lines; durable when it resolves. */
  append(lines: readonly string[]): Promise<void>;
  /** Called in any case, last. */
  close(): Promise<void>;
}

/** Options of {@link LeaveVerbs.offboardMany} that both the dry run and the leave itself have. */
export interface DryLeaveOptions extends Cancellable {
  /**
   * The name of the leave: starting it again by the same name resumes it. 1 to 64 letters, digits and `._-`; stored
   * unencrypted.
   */
  readonly name: string;
  /** Erase their FHIR data at 1upHealth: of all versions (`true`), or of these. It cannot be undone. @default true */
  readonly purge?: boolean | readonly FhirVersion[] | undefined;
  /**
   * Only users that the export of this name has finished since they started over; others stay as they are. What was
   * written after that is in no file, and is purged. @default all users
   */
  readonly onlyAfterExport?: string | undefined;
  /**
   * With `onlyAfterExport`: also if that export is of some types only, or of fewer versions than are purged. What it
   * left out is in no file, and is purged. @default false: such an export is refused
   */
  readonly allowPartialExport?: boolean | undefined;
  /**
   * The name of another leave, which was given up: its users without a receipt become a part of this one. A process that
   * still runs it ends with `TAKEN_OVER`. @default a user that another leave purges stays with that one
   */
  readonly takeOver?: string | undefined;
}

/** Options of {@link LeaveVerbs.offboardMany} that make it act. */
export interface OffboardManyOptions extends DryLeaveOptions {
  /** The number of users, as the dry run returned it: with another number of users, nothing is done. */
  readonly count: number;
  /** The path of a file, which is created with mode 0600, or a log of your own. */
  readonly receipts: string | ReceiptLog;
  /** Also forget each user once its receipt is kept. @default false: the record stays, without secrets */
  readonly forget?: boolean | undefined;
  /** Who does it, in 1 to 100 characters on one line; recorded with the step, in clear. @default not recorded */
  readonly by?: string | undefined;
  /** The shortest time between two calls of `onProgress`, ms, 10 to 86 400 000. @default 1_000 */
  readonly everyMs?: number | undefined;
  /** If it throws or its promise rejects, that is logged without the error's message, and the leave continues. */
  readonly onProgress?: ((progress: LeaveProgress) => void) | undefined;
}

/** What a leave would do. */
export interface LeaveForecast {
  readonly name: string;
  /** The users that it would offboard, with those that it has offboarded before: pass it as `count`. */
  readonly count: number;
  /** Those of them that have left already. */
  readonly done: number;
  /** Those of them that the export has not finished: they stay until it has. */
  readonly unexported: number;
  /**
   * With `onlyAfterExport`: whether an export of that name was begun here, or has finished one of these users. If not,
   * the name may be mistyped: all users stay until such an export finishes them. Without it, `null`.
   */
  readonly exportBegun: boolean | null;
  /**
   * Users that are no part of it, because they were offboarded before, and 1upHealth may still have data of them
   * that the export does not have: onboard and export them, or let them leave by another name without `onlyAfterExport`.
   */
  readonly leftOut: number;
  /**
   * How many users are no part of it because a leave of another name purges them, or has their receipt still to write, by
   * that name. End that one by its name and receipts; if it was given up, name it in `takeOver`.
   */
  readonly leavingBy: Readonly<Record<string, number>>;
  /**
   * With `onlyAfterExport`: types that 1upHealth lets no client search, by version that is purged. The purge erases all
   * their resources, and the export has only those that others refer to.
   */
  readonly unlistable: UnlistableTypes;
  /** Users that cannot be a part of it: unknown here, renamed, or with a damaged record. */
  readonly unusable: number;
  /** Management calls that it needs: one to identify each user before its purge. */
  readonly calls: number;
  /** When the last of these calls can leave, if no others are requested; `null`: never, an operator has paused them. */
  readonly endsAt: Date | null;
}

/** The progress of a leave. */
export interface LeaveProgress {
  readonly name: string;
  /** `marking`: notes in each record that it leaves. `purging`: waits for slots, purges, and writes receipts. */
  readonly phase: "marking" | "purging" | "done";
  readonly count: number;
  /** Receipts in the log. */
  readonly receipts: number;
  /** Users whose purge is not confirmed yet: waiting, under way, in doubt, or refused again and again. */
  readonly left: number;
  /** Users whose purge 1upHealth refused; `retry()` tries again. */
  readonly failed: number;
  /** Users that stay for now: not exported, or another user here has the same data. */
  readonly waiting: number;
  /** When the last look-up of those left can leave; `null` while that is not known. */
  readonly endsAt: Date | null;
}

/** The result of {@link LeaveVerbs.offboardMany}. */
export interface LeaveSummary extends LeaveProgress {
  /** Receipts that tell of a purge that was never confirmed: 1upHealth did not list the user, or it was withdrawn. */
  readonly skipped: number;
  /**
   * Users that were a part of it, and have no receipt in the log: it was lost or cut off, they were forgotten before they
   * got it, or a leave of another name has taken them over, which writes it. Of all others that were not forgotten, one
   * more leave of another name, with receipts elsewhere, writes them.
   */
  readonly lost: number;
  /** As in the forecast: users that a leave of another name goes on with. */
  readonly leavingBy: Readonly<Record<string, number>>;
  /** Whether every user has its receipt, and the receipts are closed with their count. */
  readonly closed: boolean;
  /** The key with which the receipts can be verified. */
  readonly publicKey: string;
  /** The first hundred users without a receipt, and why. */
  readonly unfinished: readonly UnexportedUser[];
}
