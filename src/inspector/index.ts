/**
 * The inspector: the life of every user and the state of the account, live, in a browser. It changes nothing.
 *
 * @module
 */
export { createInspector } from "./inspector.ts";
export type { Inspector, InspectorOptions } from "./inspector.ts";
export type { Authorized } from "./admission.ts";
