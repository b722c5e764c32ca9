/**
 * The one place that steps the machine: everything the runtime asks of XState stands here.
 *
 * @module
 */
import { createActor } from "xstate";
import { leafOf, userLifecycle, valueOf } from "../../machines/index.ts";
import type { UserCall, UserContext, UserEvent, UserState } from "../../machines/index.ts";

/** Where a user stands: what a snapshot of the machine comes down to. */
export interface Position {
  readonly state: UserState;
  readonly context: UserContext;
}

/**
 * XState's public `transition()` builds a throw-away actor per call, five times the cost of the transition itself.
 * The machine has no effects, so one scope serves all users; a test compares the two for every state and event.
 */
const self = createActor(userLifecycle);
const nothing = (): void => {};
const scope: Parameters<typeof userLifecycle.transition>[2] = {
  self,
  system: self.system,
  id: "userLifecycle",
  sessionId: "userLifecycle",
  logger: nothing,
  defer: nothing,
  emit: nothing,
  stopChild: nothing,
  actionExecutor: nothing,
};

/** Where `event` takes a user. The same object comes back when the event means nothing in that state. */
export function step(position: Position, event: UserEvent): Position {
  const snapshot = userLifecycle.resolveState({ value: valueOf(position.state), context: position.context });
  const next = userLifecycle.transition(snapshot, event, scope);
  return next === snapshot ? position : { state: leafOf(next.value), context: next.context };
}

const calls = new Map<UserState, UserCall | undefined>();

/** The call that a state asks for. */
export function callOf(state: UserState): UserCall | undefined {
  if (!calls.has(state)) {
    const node = userLifecycle.resolveState({ value: valueOf(state), context: self.getSnapshot().context });
    calls.set(state, Object.values(node.getMeta()).find((meta) => meta?.call !== undefined)?.call);
  }
  return calls.get(state);
}
