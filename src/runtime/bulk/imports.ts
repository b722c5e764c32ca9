/**
 * The options, progress and results of imports.
 *
 * @module
 */
import type { ErrorCode } from "../../errors.ts";
import type { Lane } from "../../store/contract.ts";
import type { ShutGate } from "../operations/budget.ts";
import type { Engine } from "../engine/engine.ts";
import type { Grant } from "../operations/adopt.ts";
import type { Cancellable } from "../options/call-options.ts";

/** Options of every operation on a list. */
interface ListOptions<Progress> extends Cancellable {
  /**
   * The shortest time between two calls of `onProgress`, apart from changes of phase, ms, 10 to 86 400 000.
   * @default 1_000
   */
  readonly everyMs?: number | undefined;
  /** If it throws or its promise rejects, that is logged without the error's message, and the import continues. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Options of the operations that add users from a list. */
interface AddingOptions<Progress, Row> extends ListOptions<Progress> {
  /**
   * Called for every unusable row, as it is met: `rejects` of the result has the first hundred. If it throws or its
   * promise rejects, that is logged without the error's message, and the import continues.
   */
  readonly onReject?: ((reject: Reject<Row>) => void) | undefined;
}

/** Options of {@link Lifecycle.onboardMany}. */
export interface OnboardManyOptions extends AddingOptions<ImportProgress, string> {
  /**
   * The name of the import: starting it again with the same name, and the same rows or more, resumes it. 1 to 64
   * letters, digits and `._-`; stored unencrypted.
   */
  readonly name: string;
  /** The lane in which its users wait for slots. @default "bulk" */
  readonly lane?: Lane | undefined;
  /**
   * What is known about the users at 1upHealth, as for `onboard()`; a function is called for each user that is added.
   * If omitted, 1upHealth's own list of users is read along with the rows, as far as that saves calls: a page of a
   * thousand users costs one call, and each user found saves one. The pages cost at most one call more than they save,
   * or a fiftieth of the users added, and the rows wait for pages that 1upHealth does not return for at most ten minutes in
   * total. The wait for a free slot of the limit, for which the users themselves wait too, comes on top, up to a window of
   * the limit longer.
   */
  readonly expect?: "new" | "existing" | ((appUserId: string) => "new" | "existing") | undefined;
}

/** A row of {@link Lifecycle.adoptMany}: the user and its grant. */
export interface AdoptedRow extends Grant {
  readonly appUserId: string;
}

/** Options of {@link Lifecycle.adoptMany}. */
export type AdoptManyOptions = AddingOptions<RowCounts, AdoptedRow>;

/** The outcome of the rows that this call has read so far. */
export interface RowCounts {
  readonly read: number;
  /** Users that it added. */
  readonly added: number;
  /** Users that existed here already, whether of this list or not; they stay as they are. So a row that repeats one counts here. */
  readonly present: number;
  /**
   * Users that were offboarded or forgotten. A list may be older than that, so they stay as they are; `onboard()` of one
   * starts over.
   */
  readonly departed: number;
  /** Rows that were unusable. */
  readonly rejected: number;
}

/** An unusable row. */
export interface RejectedRow {
  /** Starting at 1. */
  readonly row: number;
  readonly code: ErrorCode;
  /** The reason in words, without the row itself. */
  readonly why: string;
  /** The facts of the error, as `LifecycleError` has them. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** An unusable row as `onReject` gets it. */
export interface Reject<Row> extends RejectedRow {
  /** The row as your list has it: personal data, and of `adoptMany()` with its tokens. */
  readonly given: Row;
}

/** The result of reading all rows. */
export interface RowSummary extends RowCounts {
  /** The first hundred unusable rows. */
  readonly rejects: readonly RejectedRow[];
}

/** The progress of an import. */
export interface ImportProgress extends RowCounts {
  readonly name: string;
  /**
   * - `reading`: reads rows, looks for their users in 1upHealth's own list, and stores them
   * - `onboarding`: its users wait for slots and get their tokens
   * - `done`: no users are left
   */
  readonly phase: "reading" | "onboarding" | "done";
  /** Users that this call found in 1upHealth's own list. */
  readonly known: number;
  /**
   * Its users that are no longer left since this call began, whichever process ran them: they got a token, or were
   * offboarded. Those that another call of the same import has added meanwhile are `present` here, and count there.
   */
  readonly arrived: number;
  /** Its users that ended in `failed`; `retry()` takes them back. */
  readonly failed: number;
  /**
   * Its users whose record is damaged, so that no process can continue them. Examined when none of its users has
   * become usable for a minute and no users, or few, are left to wait for. `reauthorize()` recovers them.
   */
  readonly unreadable: number;
  /** Its users that are neither usable, nor failed, nor known to be unreadable. */
  readonly left: number;
  /**
   * Those among them that an operator holds: the import waits until they are let go (`unhold()`) or offboarded. Examined
   * like `unreadable`.
   */
  readonly held: number;
  /** All users waiting in its lane, including those of other imports. */
  readonly waiting: number;
  /** Slots of the management limit in use by all processes, and the limit. */
  readonly slots: { readonly used: number; readonly of: number };
  /** Gates that are not open and stop its calls. */
  readonly shut: readonly ShutGate[];
  /**
   * When the last user now waiting in its lane will have had a slot, if no other calls are requested; `null` while
   * rows are read, while none waits there, or all that are left are held, while an operator has paused the lane without an
   * end, and once no users are left.
   */
  readonly endsAt: Date | null;
}

/** The result of {@link Lifecycle.onboardMany}. */
export interface ImportSummary extends ImportProgress, RowSummary {
  /**
   * The ids of the first hundred of its users that are `unreadable`. With `hideIds`, a record may be so damaged that
   * it does not contain its id: then `inspect()` of each row shows which user it is.
   */
  readonly unreadableIds: readonly string[];
}

/** The parameters of an import. */
export interface Import<O> {
  readonly engine: Engine;
  readonly options: O;
  readonly signal: AbortSignal;
}
