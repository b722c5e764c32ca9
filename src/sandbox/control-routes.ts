/** What `/_sandbox/…` takes, as data: for whoever asks there, and for the command's help. */

/** One control call. */
export interface ControlRoute {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below {@link controlBase}. */
  readonly path: string;
  /** An example of its body. */
  readonly body?: unknown;
  readonly says: string;
  /** One of the few that people need first. */
  readonly isUsual?: true;
}

/** Where control calls live. */
export const controlBase = "/_sandbox/";

/** All control calls. */
export const controlRoutes: readonly ControlRoute[] = [
  { method: "GET", path: "", says: "this list" },
  { method: "GET", path: "clock", says: "the time; ?follow: a stream of it" },
  { method: "POST", path: "clock", body: { advanceMs: 7_200_000 }, says: "two hours later", isUsual: true },
  {
    method: "PUT",
    path: "clock",
    body: { now: "2026-01-01T00:00:00Z" },
    says: "that time, or in ms since 1970",
  },
  { method: "GET", path: "journal", says: "every call, secrets masked", isUsual: true },
  { method: "DELETE", path: "journal", says: "begin a new one" },
  { method: "GET", path: "users", says: "who is here", isUsual: true },
  { method: "POST", path: "users", body: { appUserId: "bilbo" }, says: "put bilbo there, for no call" },
  {
    method: "POST",
    path: "active",
    body: { appUserId: "bilbo", active: false },
    says: "show bilbo as inactive",
  },
  { method: "POST", path: "revoke", body: { appUserId: "bilbo" }, says: "end bilbo's tokens", isUsual: true },
  {
    method: "POST",
    path: "resources",
    body: { appUserId: "bilbo", version: "r4", resources: [{ resourceType: "Patient" }] },
    says: "put bilbo's data there; answers ids",
  },
  { method: "GET", path: "faults", says: "those that wait for their call" },
  {
    method: "POST",
    path: "faults",
    body: { call: "createUser", status: 500, commit: true },
    says: 'let a call go wrong; "times": null is for ever',
    isUsual: true,
  },
  { method: "DELETE", path: "faults", says: "forget those that wait" },
  { method: "POST", path: "behave", body: { exists: 404 }, says: "change a variant" },
  { method: "POST", path: "spend", body: { calls: 100 }, says: "somebody else spends the limit" },
  { method: "GET", path: "state", says: "the world, with its secrets in clear" },
  { method: "PUT", path: "state", says: "put back what GET state gave" },
  { method: "POST", path: "reset", says: "forget users, data, calls and faults", isUsual: true },
];
