/**
 * The options and the result of `rotateKeys()`.
 *
 * @module
 */
import type { Cancellable } from "../options/call-options.ts";
import { aFunction, aSignal, aSwitch, type Rules } from "../../checks.ts";

/** Options of {@link KeyVerbs.rotateKeys}. */
export interface RotateKeysOptions extends Cancellable {
  /** Replace the store's own key too, and seal every user again. @default false */
  readonly records?: boolean | undefined;
  /**
   * Called after every page of users with the users read in this round, their total, and the users sealed again since
   * the call. There are at least three rounds, and the last two find nothing left to do. If it throws, that is logged
   * and the call continues.
   */
  readonly onProgress?:
    | ((progress: { readonly seen: number; readonly of: number; readonly resealed: number }) => void)
    | undefined;
}

/** The result of {@link KeyVerbs.rotateKeys}. */
export interface RotateKeysSummary {
  /** The id of the key that wraps the store's keys now: the newest of the ring. */
  readonly key: string;
  /** Store keys that another key had wrapped before; 0: there was nothing to rotate. */
  readonly wrapped: number;
  /** Store keys in use now. */
  readonly storeKeys: number;
  /** Users sealed again. */
  readonly resealed: number;
  /**
   * Users that were left as they are: no key can decrypt their record, or, with hidden ids, it does not tell whose it is.
   * If one of the latter still needs an older store key, that is kept.
   */
  readonly unreadable: number;
  /** Unused store keys that were dropped. */
  readonly dropped: number;
}

export const rotating: Rules<RotateKeysOptions> = {
  records: aSwitch,
  onProgress: aFunction,
  signal: aSignal,
};
