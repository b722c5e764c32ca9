/**
 * The types of `reconcile()`: differences between the users here and at 1upHealth.
 *
 * @module
 */
import type { Cancellable } from "../options/call-options.ts";

/** A user whose `app_user_id` and number are known. */
interface Named<Type extends string> {
  readonly type: Type;
  readonly appUserId: string;
  readonly oneupUserId: number;
}

/** One user that differs between here and 1upHealth. */
export type Difference =
  /** 1upHealth has it, and no user here has its `app_user_id` or number. Forgotten users are not reported. */
  | (Named<"thereOnly"> & { readonly active: boolean })
  /** It is here, with a number that 1upHealth did not list. Offboarded users are not reported. */
  | Named<"hereOnly">
  /**
   * 1upHealth lists its number under another id than `appUserId`: it was renamed there. If that id is taken here, for
   * example by a user with the same number, it is not moved. Purge neither of two users with one number, because
   * their data is the same.
   */
  | (Named<"renamed"> & { readonly thereAppUserId: string })
  /** The same `app_user_id` belongs to another user there. */
  | (Named<"anotherNumber"> & { readonly thereOneupUserId: number })
  /** 1upHealth lists it as inactive. The meaning is undocumented; calls are still made. */
  | Named<"inactive">
  /** 1upHealth has it without an `app_user_id`, or with one that cannot be one here. */
  | Pick<Named<"unusable">, "type" | "oneupUserId">;

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

/** A kind of repair: `adopt` users that are only there, `move` users that were renamed there. */
export type Repair = "adopt" | "move";

/** Options of {@link Lifecycle.reconcile}. */
export interface ReconcileOptions extends Cancellable {
  /**
   * Which differences to repair: all (`true`), or these. Users that are only at 1upHealth are stored here and wait,
   * in the lane "bulk", for a code: one management call each, made by a worker. Records of users that were renamed
   * there move to their new id: after a backup was restored, do it with `["move"]` before any other call, because until
   * then an id that passed to another person leads to the data of the first one.
   * @default false
   */
  readonly repair?: boolean | readonly Repair[] | undefined;
  /** Users per page, 1 to 1000. Larger pages cost fewer calls; the server may return fewer. @default 100 */
  readonly pageSize?: number | undefined;
  /** The shortest time between two calls of `onProgress`, ms, 10 to 86 400 000. @default 1_000 */
  readonly everyMs?: number | undefined;
  /** If it throws, `reconcile()` rejects with that; if its promise rejects, that is logged. */
  readonly onProgress?: ((progress: ReconcileProgress) => void) | undefined;
  /**
   * Called with every difference, because the report holds only the first hundred of each type. If it throws,
   * `reconcile()` rejects with that.
   */
  readonly onDifference?: ((difference: Difference) => void) | undefined;
}

/** The progress of `reconcile()`. */
export interface ReconcileProgress {
  /**
   * - `reading`: reads 1upHealth's list, page by page, and looks up each of its users here
   * - `comparing`: compares the users here with that list
   * - `repairing`: repairs what was found
   * - `done`
   */
  readonly phase: "reading" | "comparing" | "repairing" | "done";
  /** Users that 1upHealth has listed so far. */
  readonly there: number;
  /** Users here that were compared so far. */
  readonly here: number;
  /** Management calls made so far, including failed ones. Adopting makes its calls later, in a worker. */
  readonly calls: number;
  readonly counts: DifferenceCounts;
}

/** The result of {@link Lifecycle.reconcile}. */
export interface Reconciliation extends ReconcileProgress {
  /**
   * Whether 1upHealth's list was read to its end. If not, no user counts as missing there, and nothing is repaired.
   */
  readonly complete: boolean;
  /** The first hundred of each type. */
  readonly differences: readonly Difference[];
  /** `null`: not requested, or not done because the list was not read to its end. */
  readonly repaired: Repaired | null;
}

/** What was repaired. */
export interface Repaired {
  readonly adopted: number;
  /** Includes users that another process moved at the same time. */
  readonly moved: number;
  /**
   * Users left as they are, because a call for them is under way or their new id is taken here. Also users that are
   * only at 1upHealth beyond the first hundred thousand; or all of them, if so many users here took steps or were
   * added meanwhile that one of them may have been missed although it has such a number. Call `reconcile()` again.
   */
  readonly left: number;
}
