/**
 * What an import is told and tells.
 *
 * @module
 */
import type { ErrorCode } from "../errors.ts";
import type { Lane } from "../store/contract.ts";
import type { ShutGate } from "./budget.ts";
import type { Engine } from "./engine.ts";
import type { Cancellable } from "./call-options.ts";

/** Options of whatever goes through a list. */
interface ListOptions<Progress> extends Cancellable {
  /** How often `onProgress` is called at most beside changes of phase, ms, 10 to 86 400 000. @default 1_000 */
  readonly everyMs?: number | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Options of {@link Lifecycle.onboardMany}. */
export interface OnboardManyOptions extends ListOptions<ImportProgress> {
  /**
   * Names the import: whoever starts it again under this name, with the same rows or more, goes on where it was.
   * 1 to 64 letters, digits and `._-`; it stands in the store in clear.
   */
  readonly name: string;
  /** The lane in which its users wait for slots. @default "bulk" */
  readonly lane?: Lane | undefined;
  /**
   * What is known of the users at 1upHealth, as for `onboard()`. Without it 1upHealth's own list of users is read first,
   * as far as that saves calls: a user found there costs one call, not two. Where the rows take longer than 12 minutes to
   * come it is not read: users are held back for a quarter of an hour at most.
   */
  readonly expect?: "new" | "existing" | undefined;
}

/** Options of {@link Lifecycle.adoptMany}. */
export type AdoptManyOptions = ListOptions<RowCounts>;

/** What became of the rows that this call has read so far. */
export interface RowCounts {
  readonly read: number;
  /** Users whom it brought. */
  readonly added: number;
  /** Users who were here already, of this list or not; they stay as they are. */
  readonly present: number;
  /** Rows that cannot be used. */
  readonly rejected: number;
}

/** A row that cannot be used. */
export interface RejectedRow {
  /** Counted from 1. */
  readonly row: number;
  readonly code: ErrorCode;
  /** In words, without the row itself. */
  readonly why: string;
}

/** How an import that has read all its rows ended. */
export interface RowSummary extends RowCounts {
  /** The first hundred rows that cannot be used. */
  readonly rejects: readonly RejectedRow[];
}

/** Where an import stands. */
export interface ImportProgress extends RowCounts {
  readonly name: string;
  /**
   * - `reading`: rows are read and their users written down
   * - `comparing`: 1upHealth's own list is read, and users found there are marked
   * - `onboarding`: its users wait for slots and get their tokens
   * - `done`: nobody is left
   */
  readonly phase: "reading" | "comparing" | "onboarding" | "done";
  /** Its users who were found in 1upHealth's own list. */
  readonly known: number;
  /** Its users who are not left any more since this call began, by whatever process: they got a token, or were let go. */
  readonly arrived: number;
  /** Its users who ended in `failed`; `retry()` takes them back. */
  readonly failed: number;
  /**
   * Its users whose record is damaged, so that nobody can go on with them. Looked for when none of its users has arrived
   * for a minute and nobody, or few, are left to wait for. `reauthorize()` is the way out.
   */
  readonly unreadable: number;
  /** Its users who have not arrived, have not failed and are not known to be unreadable. */
  readonly left: number;
  /** Users who wait in its lane, whoever brought them. */
  readonly waiting: number;
  /** Slots of the management limit in use, by everybody, and how many there are. */
  readonly slots: { readonly used: number; readonly of: number };
  /** Gates of the account that are not open: nothing goes on behind them. */
  readonly shut: readonly ShutGate[];
  /** When the last of those who wait in its lane will have had a slot, if nobody else asks; `null` while it reads, and once nobody is left. */
  readonly endsAt: Date | null;
}

/** How {@link Lifecycle.onboardMany} ended. */
export interface ImportSummary extends ImportProgress, RowSummary {
  /**
   * The ids of the first hundred of its users who are `unreadable`. With `hideIds` a record may be so damaged that it does
   * not say whose it is: `inspect()` of each row then tells who it is.
   */
  readonly unreadableIds: readonly string[];
}

/** What an import works with. */
export interface Import<O> {
  readonly engine: Engine;
  readonly options: O;
  readonly signal: AbortSignal;
}
