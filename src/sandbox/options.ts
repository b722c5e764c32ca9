/** What can be set in a sandbox, and the check at its door. Each unknown of 1upHealth is an option here. */

import { systemClock } from "../clock.ts";
import { LifecycleError } from "../errors.ts";
import { createVirtualClock, type VirtualClock } from "./virtual-clock.ts";

/** Options of {@link createSandbox}. */
export interface SandboxOptions {
  /** @default "sandbox-client" */
  readonly clientId?: string;
  /** @default "sandbox-secret" */
  readonly clientSecret?: string;
  /** Decides expiry, the limit's window and the read lag. @default createVirtualClock() */
  readonly clock?: VirtualClock;
  /** The limit on user management calls (1upHealth user management guide, Rate Limits). Refused calls count too. */
  readonly limit?: {
    /** Calls in a window; `Infinity` for none. @default 300 */
    readonly calls?: number;
    /** Milliseconds. @default 3_600_000 */
    readonly windowMs?: number;
    /** `fixed` windows begin at multiples of `windowMs` since 1970. @default "rolling" */
    readonly window?: "rolling" | "fixed";
  };
  /** Real milliseconds before each call is carried out, or a range to draw from. @default 0 */
  readonly latencyMs?: number | readonly [min: number, max: number];
  /** How long a code can be exchanged, in milliseconds. @default 300_000 */
  readonly codeLifeMs?: number;
  /** How long a fresh code is refused before it registers, in milliseconds. @default 0 */
  readonly codeReadyMs?: number;
  /** Milliseconds. @default 7_200_000 */
  readonly accessTokenLifeMs?: number;
  /** Milliseconds. @default 1_209_600_000 (14 days) */
  readonly refreshTokenLifeMs?: number;
  /** How long a written resource stays invisible, in milliseconds (documented: below 1000). @default 0 */
  readonly readLagMs?: number;
  /** Status of "this user already exists". @default 200 */
  readonly exists?: 200 | 400 | 404;
  /** Status of "this user does not exist". @default 200 */
  readonly missing?: 200 | 404;
  /** Answer to a user management call with wrong credentials: 401, or 302 to an HTML login page. @default 401 */
  readonly unauthorized?: 302 | 401;
  /** Does a 429 carry `Retry-After`, in seconds? @default false */
  readonly retryAfter?: boolean;
  /** A replayed refresh token is refused; `revokeFamily` also ends everything that came from it. @default "refuse" */
  readonly reuse?: "refuse" | "revokeFamily";
  /**
   * Does a refresh replace the refresh token and end the old pair? If not, the answer has no `refresh_token`,
   * and the old access token lives on until it expires. @default true
   */
  readonly rotate?: boolean;
  /** Names of the paging parameters of `GET /user`; other names are ignored. @default { skip: "skip", limit: "limit" } */
  readonly pager?: { readonly skip: string; readonly limit: string };
  /** Resources that one purge erases before it is cut with a 504. @default Infinity */
  readonly purgeBatch?: number;
  /** Makes ids, codes and tokens repeatable. @default a number of the machine's chance */
  readonly seed?: number;
}

/** The options with every default filled in. */
export interface Settings {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly clock: VirtualClock;
  readonly calls: number;
  readonly windowMs: number;
  readonly window: "rolling" | "fixed";
  readonly latencyMs: readonly [min: number, max: number];
  readonly codeLifeMs: number;
  readonly codeReadyMs: number;
  readonly accessTokenLifeMs: number;
  readonly refreshTokenLifeMs: number;
  readonly readLagMs: number;
  readonly exists: 200 | 400 | 404;
  readonly missing: 200 | 404;
  readonly unauthorized: 302 | 401;
  readonly retryAfter: boolean;
  readonly reuse: "refuse" | "revokeFamily";
  readonly rotate: boolean;
  readonly pager: { readonly skip: string; readonly limit: string };
  readonly purgeBatch: number;
  readonly seed: number;
}

/**
 * Fills in the defaults.
 *
 * @throws {LifecycleError} `INVALID_OPTION` with the option's name, the rule and the value
 */
export function readOptions(options: SandboxOptions): Settings {
  const { limit = {}, latencyMs = 0 } = options;
  const [least, most] = typeof latencyMs === "number" ? [latencyMs, latencyMs] : latencyMs;
  if (!(most >= least)) throw refuse("latencyMs", "a range that does not end before it begins", latencyMs);
  return {
    clientId: text("clientId", options.clientId ?? "sandbox-client"),
    clientSecret: text("clientSecret", options.clientSecret ?? "sandbox-secret"),
    clock: options.clock ?? createVirtualClock(),
    calls: count("limit.calls", limit.calls ?? 300),
    windowMs: atLeast(1, "limit.windowMs", limit.windowMs ?? 3_600_000),
    window: oneOf("limit.window", limit.window ?? "rolling", ["rolling", "fixed"]),
    latencyMs: [atLeast(0, "latencyMs", least), atLeast(0, "latencyMs", most)],
    codeLifeMs: atLeast(0, "codeLifeMs", options.codeLifeMs ?? 300_000),
    codeReadyMs: atLeast(0, "codeReadyMs", options.codeReadyMs ?? 0),
    accessTokenLifeMs: atLeast(0, "accessTokenLifeMs", options.accessTokenLifeMs ?? 7_200_000),
    refreshTokenLifeMs: atLeast(0, "refreshTokenLifeMs", options.refreshTokenLifeMs ?? 1_209_600_000),
    readLagMs: atLeast(0, "readLagMs", options.readLagMs ?? 0),
    exists: oneOf("exists", options.exists ?? 200, [200, 400, 404]),
    missing: oneOf("missing", options.missing ?? 200, [200, 404]),
    unauthorized: oneOf("unauthorized", options.unauthorized ?? 401, [302, 401]),
    retryAfter: options.retryAfter ?? false,
    reuse: oneOf("reuse", options.reuse ?? "refuse", ["refuse", "revokeFamily"]),
    rotate: options.rotate ?? true,
    pager: options.pager ?? { skip: "skip", limit: "limit" },
    purgeBatch: count("purgeBatch", options.purgeBatch ?? Infinity),
    seed: atLeast(0, "seed", options.seed ?? Math.floor(systemClock.random() * 2 ** 48)),
  };
}

function text(name: string, value: string): string {
  // The secret may be the value: it is not repeated.
  if (typeof value !== "string" || value === "")
    throw refuse(name, "a string that is not empty", "one that is");
  return value;
}

function count(name: string, value: number): number {
  if (value === Infinity || (Number.isSafeInteger(value) && value >= 1)) return value;
  throw refuse(name, "a whole number from 1, or Infinity", value);
}

function atLeast(least: number, name: string, value: number): number {
  if (Number.isFinite(value) && value >= least) return value;
  throw refuse(name, `a finite number from ${least}`, value);
}

function oneOf<const T>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw refuse(name, `one of ${allowed.join(", ")}`, value);
}

function refuse(name: string, rule: string, value: unknown): LifecycleError {
  return new LifecycleError(
    "INVALID_OPTION",
    `Cannot create the sandbox: ${name} must be ${rule}, got ${String(value)}`,
  );
}
