/**
 * The public type of a state machine.
 *
 * @module
 */
import type {
  EventObject,
  MachineContext,
  MetaObject,
  NonReducibleUnknown,
  StateMachine,
  StateSchema,
  StateValue,
} from "xstate";

/**
 * A machine without actors, timers and input: it has a context, takes events, and each of its states has a `meta`.
 * Written out so that documentation tools need not infer it.
 */
export type Machine<
  Context extends MachineContext,
  Event extends EventObject,
  Value extends StateValue,
  Meta extends MetaObject,
> = StateMachine<
  Context,
  Event,
  Record<string, never>,
  never,
  { type: string; params: undefined },
  { type: string; params: undefined },
  never,
  Value,
  string,
  NonReducibleUnknown,
  NonReducibleUnknown,
  EventObject,
  Meta,
  StateSchema
>;
