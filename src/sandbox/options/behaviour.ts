/** How the sandbox behaves where 1upHealth is documented in two ways or in none. Can be changed while it runs. */

import { type FhirBehaviour, fhirBehaviourRules, usualFhirBehaviour } from "./fhir-behaviour.ts";
import { check, checkNames, oneOf, quantity, type Rule, whole } from "./rules.ts";

/** The variants of 1upHealth. Options of {@link createSandbox}; {@link Sandbox.behave} changes them later. */
export interface Behaviour extends FhirBehaviour {
  /** How long a code can be exchanged, in milliseconds. @default 300_000 */
  readonly codeLifeMs: number;
  /** How long a fresh code is refused before it registers, in milliseconds. @default 0 */
  readonly codeReadyMs: number;
  /** Milliseconds. @default 7_200_000 */
  readonly accessTokenLifeMs: number;
  /** Milliseconds. @default 1_209_600_000 (14 days) */
  readonly refreshTokenLifeMs: number;
  /** Status of "this user already exists". @default 200 */
  readonly exists: 200 | 400 | 404;
  /** Status of "this user does not exist". @default 200 */
  readonly missing: 200 | 400 | 404;
  /** Answer to a spent or unknown code: 400 `invalid_grant`, or 503 `server_error`. @default 400 */
  readonly spentCode: 400 | 503;
  /** Answer to a user management call with wrong credentials: 401, or 302 to an HTML login page. @default 401 */
  readonly unauthorized: 302 | 401;
  /** Does a 429 carry `Retry-After`, and how: in seconds (`true` too) or as an HTTP date? @default false */
  readonly retryAfter: boolean | "seconds" | "date";
  /** A replayed refresh token is refused; `revokeFamily` also ends everything that came from it. @default "refuse" */
  readonly reuse: "refuse" | "revokeFamily";
  /**
   * Does a refresh replace the refresh token and end the old pair? If not, the answer has no `refresh_token`,
   * and the old access token lives on until it expires. @default true
   */
  readonly rotate: boolean;
  /**
   * Names of the paging parameters of `GET /user`; other names are ignored. `false`: all are, and every list is
   * the same first page. @default { skip: "skip", limit: "limit" }
   */
  readonly pager: { readonly skip: string; readonly limit: string } | false;
  /** What the answers about a new user show as `active`; see {@link Sandbox.setActive}. @default true */
  readonly active: boolean;
  /**
   * Somebody else who spends the account's management calls, one at each multiple of `everyMs` milliseconds since
   * 1970. Counted as the client's own are; not in the journal. @default false (nobody)
   */
  readonly spender: { readonly everyMs: number } | false;
}

/** What holds unless an option says otherwise. */
export const usualBehaviour: Behaviour = {
  ...usualFhirBehaviour,
  codeLifeMs: 300_000,
  codeReadyMs: 0,
  accessTokenLifeMs: 7_200_000,
  refreshTokenLifeMs: 1_209_600_000,
  exists: 200,
  missing: 200,
  spentCode: 400,
  unauthorized: 401,
  retryAfter: false,
  reuse: "refuse",
  rotate: true,
  pager: { skip: "skip", limit: "limit" },
  active: true,
  spender: false,
};

/** What is demanded of each. */
export const behaviourRules: { readonly [Name in keyof Behaviour]: Rule } = {
  ...fhirBehaviourRules,
  codeLifeMs: quantity,
  codeReadyMs: quantity,
  accessTokenLifeMs: quantity,
  refreshTokenLifeMs: quantity,
  exists: oneOf(200, 400, 404),
  missing: oneOf(200, 400, 404),
  spentCode: oneOf(400, 503),
  unauthorized: oneOf(302, 401),
  retryAfter: oneOf(false, true, "seconds", "date"),
  reuse: oneOf("refuse", "revokeFamily"),
  rotate: oneOf(true, false),
  pager: {
    says: "false, or names { skip, limit }",
    holds: (value) => value === false || (isName(value, "skip") && isName(value, "limit")),
  },
  active: oneOf(true, false),
  spender: {
    says: "false, or { everyMs } with a whole number from 1",
    holds: (value) => value === false || whole(1).holds(field(value, "everyMs")),
  },
};

/**
 * Takes the behaviour out of options and checks it; what is left out stays out. `verb` begins the message.
 *
 * @throws {LifecycleError} `INVALID_OPTION` with the name, the rule and the value
 */
export function readBehaviour(verb: string, options: Partial<Behaviour>): Partial<Behaviour> {
  check(verb, options, behaviourRules);
  const given = Object.entries(options);
  const read = given.filter(([name, value]) => Object.hasOwn(behaviourRules, name) && value !== undefined);
  // Every value has passed the rule of its name.
  return Object.fromEntries(read) as Partial<Behaviour>;
}

/** Behaviour that went through JSON, which writes Infinity as null. */
export function infinite(behaviour: Partial<Behaviour>): Partial<Behaviour> {
  return behaviour.purgeBatch === null ? { ...behaviour, purgeBatch: Infinity } : behaviour;
}

/**
 * As {@link readBehaviour}, and nothing else may be given.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function readChange(change: Partial<Behaviour>): Partial<Behaviour> {
  checkNames("change the sandbox", change, behaviourRules);
  return readBehaviour("change the sandbox", change);
}

function isName(value: unknown, name: string): boolean {
  const found = field(value, name);
  return typeof found === "string" && found !== "";
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return new Map<string, unknown>(Object.entries(value)).get(name);
}
