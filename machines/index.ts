/**
 * The lifecycle as pure XState machines, without the runtime: for diagrams, tests and pages of your own.
 *
 * @module
 */
export { accountGate, openGate, stepGate } from "./account.ts";
export type { AccountGate, Gate, GateContext, GateEvent, GateReason, GateState } from "./account.ts";
export type { Machine } from "./machine.ts";
export { mermaid } from "./diagram.ts";
export { userLifecycle } from "./user-lifecycle.ts";
export { leftToPurge } from "./user-changes.ts";
export { changes } from "./user-changes.ts";
export type { ChangeName } from "./user-changes.ts";
export type { GrantChangeName } from "./grant-changes.ts";
export { isRenamable, isRenaming, renamable } from "./rename.ts";
export type { BeganIn, RenameChangeName } from "./rename.ts";
export { conditions } from "./user-conditions.ts";
export type { ConditionName } from "./user-conditions.ts";
export { isPurging, leafOf, nothingKnown, valueOf } from "./user.ts";
export type {
  AuthorizedState,
  Change,
  Condition,
  FailureReason,
  PurgingState,
  RenamableState,
  RenamingState,
  Search,
  Span,
  UserCall,
  UserContext,
  UserEvent,
  UserFacts,
  UserLifecycle,
  UserState,
  UserStateMeta,
  UserStateValue,
} from "./user.ts";
