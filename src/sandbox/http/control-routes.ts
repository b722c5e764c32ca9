/** The control calls below `/_sandbox/`, as data: for the route that lists them, and for the command's help. */

/** One control call. */
export interface ControlRoute {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Relative to {@link controlBase}. */
  readonly path: string;
  /** An example of its body. */
  readonly body?: unknown;
  readonly description: string;
  /** One of the few that most people need; shown at start. */
  readonly isUsual?: true;
}

/** The path of control calls. */
export const controlBase = "/_sandbox/";

/** All control calls. */
export const controlRoutes: readonly ControlRoute[] = [
  { method: "GET", path: "", description: "this list" },
  { method: "GET", path: "clock", description: "the clock; ?follow streams it" },
  {
    method: "POST",
    path: "clock",
    body: { advanceMs: 7_200_000 },
    description: "advance two hours",
    isUsual: true,
  },
  {
    method: "PUT",
    path: "clock",
    body: { now: "2026-01-01T00:00:00Z" },
    description: "set the clock; also in ms since 1970",
  },
  { method: "GET", path: "journal", description: "all calls, secrets masked; ?last=100", isUsual: true },
  { method: "DELETE", path: "journal", description: "clear the journal" },
  { method: "GET", path: "users", description: "all users", isUsual: true },
  { method: "POST", path: "users", body: { appUserId: "bilbo" }, description: "add bilbo without a call" },
  {
    method: "POST",
    path: "active",
    body: { appUserId: "bilbo", active: false },
    description: "mark bilbo inactive",
  },
  {
    method: "POST",
    path: "revoke",
    body: { appUserId: "bilbo" },
    description: "revoke bilbo's tokens",
    isUsual: true,
  },
  {
    method: "POST",
    path: "resources",
    body: { appUserId: "bilbo", version: "r4", resources: [{ resourceType: "Patient" }] },
    description: "add resources, return ids: their own, or new ones",
  },
  { method: "GET", path: "faults", description: "pending faults" },
  {
    method: "POST",
    path: "faults",
    body: { call: "createUser", status: 500, commit: true },
    description: 'add a fault; "times": null = unlimited',
    isUsual: true,
  },
  { method: "DELETE", path: "faults", description: "remove pending faults" },
  { method: "POST", path: "behave", body: { exists: 404 }, description: "change a behaviour option" },
  { method: "POST", path: "spend", body: { calls: 100 }, description: "use up calls of the limit" },
  { method: "GET", path: "state", description: "the state, secrets in clear" },
  { method: "PUT", path: "state", description: "restore the state from GET" },
  { method: "POST", path: "reset", description: "remove users, data, calls and faults", isUsual: true },
];
