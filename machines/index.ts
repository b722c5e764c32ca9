/**
 * The lifecycle as pure XState machines, without the runtime: for diagrams, tests and pages of your own.
 *
 * @module
 */
export { mermaid } from "./diagram.ts";
export { leafOf, nothingKnown, userLifecycle, valueOf } from "./user-lifecycle.ts";
export type {
  AuthorizedState,
  FailureReason,
  UserCall,
  UserContext,
  UserEvent,
  UserFacts,
  UserLifecycle,
  UserState,
  UserStateMeta,
  UserStateValue,
} from "./user-lifecycle.ts";
