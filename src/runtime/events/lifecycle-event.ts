/**
 * An event as applications get it.
 *
 * @module
 */
import type { UserState } from "../../../machines/index.ts";
import { forgottenType, movedType } from "../user/user-event-value.ts";
import { eventTypes, type StepType } from "../user/history-of.ts";

/**
 * The type of an event: `event` of `history()`; or `MOVED`: `reconcile()` gave the user the id that it has at 1upHealth; or
 * `FORGOTTEN`: `forget()` removed it.
 */
export type LifecycleEventType = StepType | typeof movedType | typeof forgottenType;

/** The types that this release knows. */
export const lifecycleEventTypes: readonly string[] = [...eventTypes, movedType, forgottenType];

/**
 * One step of one user. It holds no secret and nothing of a response. Types and states are those that this release knows,
 * so that the compiler finds a misspelt one; an event of a process of a later release may have others.
 */
export interface LifecycleEvent {
  /** Its place: keep it, and pass it as `after` to continue behind this event. Unique for each event. */
  readonly cursor: string;
  /** What happened. */
  readonly type: LifecycleEventType;
  /** The user, as in logs. */
  readonly alias: string;
  /** `null` for `FORGOTTEN`, and if the key that opens the id is gone. */
  readonly appUserId: string | null;
  /** The user's state before; `null`: it is new. */
  readonly from: UserState | null;
  /** The state after, often the same; `forgotten` for `FORGOTTEN`. */
  readonly to: UserState | "forgotten";
  /** Why the call of this step brought nothing: the code of its `Cause`. `null`: it brought something, or there was none. */
  readonly cause: string | null;
  /** Who did it, as the application named them (`by`); `null`: not named, or no person did. */
  readonly by: string | null;
  /** When the step was taken, by the clock of its process. Clocks differ: the order of events is that of their delivery. */
  readonly at: Date;
  /**
   * Ascends with each event of the user, also when it is renamed. After `FORGOTTEN`, or when an alias comes to another
   * user, it may be lower.
   */
  readonly version: number;
  /** The alias that the user had before, if this event renamed it. */
  readonly formerAlias: string | null;
  /**
   * The process that took the step: its number on its machine, and a random word. `null` for `FORGOTTEN`, and for events
   * of a release that did not tell.
   */
  readonly process: string | null;
}
