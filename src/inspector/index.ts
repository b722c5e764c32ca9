/**
 * The inspector: the life of every user and the state of the account, live, in a browser. It changes nothing, unless actions are turned on.
 *
 * @module
 */
export { createInspector } from "./inspector.ts";
export type { Inspector, InspectorOptions } from "./inspector.ts";
export type { Authorized, Authorize } from "./admission.ts";
export type { InspectorAction, InspectorPermission, SomeActions } from "./actions/permission.ts";
