/**
 * The options and results of a move.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Encryption } from "../../store/sealing/keys.ts";

/** Options of {@link moveStore}, and of {@link abortMove}. */
export interface MoveOptions {
  /** The client id whose users move. A store may hold others too; they stay. */
  readonly clientId: string;
  /** The encryption of the store that the users leave. A store in memory needs none. */
  readonly encryption?: Encryption | undefined;
  /**
   * The encryption of the other store, if it is to be another one. Unless the same key wraps the store keys of both, all
   * that is sealed is sealed anew while it is copied, with a fresh store key that the newest key of this wraps: the former
   * key opens nothing there.
   */
  readonly newEncryption?: Encryption | undefined;
  /** Called after each page. */
  readonly onProgress?: ((progress: MoveProgress) => void) | undefined;
  /** Stops the move between two pages. A later call goes on from there. */
  readonly signal?: AbortSignal | undefined;
  /** @default the system's clock */
  readonly clock?: Clock | undefined;
}

/** Options of {@link abortMove}. */
export interface AbortOptions extends MoveOptions {
  /** The store that the users were moved to is gone for good. No process may still use it. @default false */
  readonly lost?: boolean | undefined;
}

/** How far a move is. */
export interface MoveProgress {
  /** First everything is copied, then both stores are read and compared. */
  readonly phase: "copy" | "compare";
  /** Users so far, and all of them. */
  readonly users: number;
  readonly of: number;
  /** Events so far. */
  readonly events: number;
}

/** What was moved. */
export interface MoveSummary {
  /** Users, and the marks of those that were forgotten. */
  readonly users: number;
  /** Ids that users had before they were renamed. */
  readonly formerIds: number;
  readonly events: number;
  /**
   * A digest of users and events, without times, with what is sealed opened, keyed so that it reveals nothing. It depends
   * neither on the kind of store nor on its key, so it is the same after a move from the other store onwards, if nothing
   * was written in between.
   */
  readonly digest: string;
  /** How long no process could write, ms. */
  readonly interruptedMs: number;
}
