/**
 * What is not the same here and at 1upHealth.
 *
 * @module
 */
import type { Cancellable } from "./call-options.ts";

/** One user who is not the same here and there. */
export type Difference =
  /** 1upHealth has it, and nobody here has its `app_user_id` or its number. Whoever was forgotten is not told of. */
  | {
      readonly type: "thereOnly";
      readonly appUserId: string;
      readonly oneupUserId: number;
      readonly active: boolean;
    }
  /** It is here, with a number that 1upHealth did not list. Whoever is offboarded is not missed. */
  | { readonly type: "hereOnly"; readonly appUserId: string; readonly oneupUserId: number }
  /**
   * Its number stands there under another id than here, `appUserId`: somebody renamed it there. If that id is taken here,
   * by a user of the same number, say, it is not moved; purge neither of two with one number, for the data are the same.
   */
  | {
      readonly type: "renamed";
      readonly appUserId: string;
      readonly thereAppUserId: string;
      readonly oneupUserId: number;
    }
  /** The same `app_user_id` is another user there. */
  | {
      readonly type: "anotherNumber";
      readonly appUserId: string;
      readonly oneupUserId: number;
      readonly thereOneupUserId: number;
    }
  /** 1upHealth calls it inactive. What that means is documented nowhere; calls are tried all the same. */
  | { readonly type: "inactive"; readonly appUserId: string; readonly oneupUserId: number }
  /** 1upHealth has it without an `app_user_id`, or with one that cannot be one here. */
  | { readonly type: "unusable"; readonly oneupUserId: number };

/** The differences, by type. */
export type DifferenceCounts = Readonly<Record<Difference["type"], number>>;

export const noDifferences: DifferenceCounts = {
  thereOnly: 0,
  hereOnly: 0,
  renamed: 0,
  anotherNumber: 0,
  inactive: 0,
  unusable: 0,
};

/** What is set right: `adopt` whoever is there only, `move` whoever was renamed. */
export type Repair = "adopt" | "move";

/** Options of {@link Lifecycle.reconcile}. */
export interface ReconcileOptions extends Cancellable {
  /**
   * Set right what can be: all of it (`true`), or these. Users who are there only are written down here and wait, in the
   * lane "bulk", for a code: one management call each, made by whoever works. Records of users who were renamed there
   * go to their new id.
   * @default false
   */
  readonly repair?: boolean | readonly Repair[] | undefined;
  /** Users a page, 1 to 1000: so many fewer calls. The server may give fewer. @default 100 */
  readonly pageSize?: number | undefined;
  /** How often `onProgress` is called at most, ms, 10 to 86 400 000. @default 1_000 */
  readonly everyMs?: number | undefined;
  /** What it throws ends the call. */
  readonly onProgress?: ((progress: ReconcileProgress) => void) | undefined;
  /** Called with every difference, for the report holds the first hundred of each type only. What it throws ends the call. */
  readonly onDifference?: ((difference: Difference) => void) | undefined;
}

/** How far it has come. */
export interface ReconcileProgress {
  /**
   * - `reading`: 1upHealth's list is read, page by page, and each of its users looked for here
   * - `comparing`: the users who are here are compared with what was read
   * - `repairing`: what was found is set right
   * - `done`
   */
  readonly phase: "reading" | "comparing" | "repairing" | "done";
  /** Users that 1upHealth has listed. */
  readonly there: number;
  /** Users here who were looked at. */
  readonly here: number;
  /** Management calls that it has cost, those that failed included. Repairs cost none at once. */
  readonly calls: number;
  readonly counts: DifferenceCounts;
}

/** What {@link Lifecycle.reconcile} found, and set right. */
export interface Reconciliation extends ReconcileProgress {
  /** 1upHealth's list was seen to its end. Otherwise nobody counts as missing there, and nothing is set right. */
  readonly complete: boolean;
  /** The first hundred of each type. */
  readonly differences: readonly Difference[];
  /** `null`: not asked for, or not done, because the list was not seen to its end. */
  readonly repaired: Repaired | null;
}

/** What was set right. */
export interface Repaired {
  readonly adopted: number;
  readonly moved: number;
  /**
   * Left as they are: somebody works on them, or their new id is taken here. And of users who are there only, those
   * beyond the first hundred thousand; all of them, if so many users took steps or came meanwhile that somebody here may
   * have been passed by who has the number of one. Call it again.
   */
  readonly left: number;
}
