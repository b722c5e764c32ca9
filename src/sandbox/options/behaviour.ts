/** The sandbox's behaviour where 1upHealth's documentation is ambiguous or silent. Can be changed while it runs. */

import { type FhirBehaviour, fhirOptions, type Options } from "./fhir-behaviour.ts";
import { among, aSwitch, between, isObject, type Rule, type Rules, whole } from "../../checks.ts";

/** Variants of 1upHealth's behaviour. Options of {@link createSandbox}; {@link Sandbox.behave} changes them later. */
export interface Behaviour extends FhirBehaviour {
  /** Lifetime of a code, in milliseconds. @default 300_000 */
  readonly codeLifeMs: number;
  /** How long a new code is refused until it registers, in milliseconds. @default 0 */
  readonly codeReadyMs: number;
  /** Lifetime of an access token, in milliseconds. @default 7_200_000 */
  readonly accessTokenLifeMs: number;
  /** Lifetime of a refresh token, in milliseconds. @default 1_209_600_000 (14 days) */
  readonly refreshTokenLifeMs: number;
  /** Status of "this user already exists". @default 200 */
  readonly exists: 200 | 400 | 404;
  /** Status of "this user does not exist". @default 200 */
  readonly missing: 200 | 400 | 404;
  /**
   * Response to a create for an existing user: an error with the status `exists`, or a success without a code (both have
   * been observed). @default "error"
   */
  readonly createAgain: "error" | "success";
  /** Response to a change of the `app_user_id`: the `oneup_user_id` and `success`, or the user. @default "confirmation" */
  readonly renamed: "confirmation" | "user";
  /** Status of a `GET /user` that matches no user: 200 with an empty list, or 400 with an empty body. @default 200 */
  readonly noMatch: 200 | 400;
  /**
   * Whether the filter of `GET /user` is applied. `body`: only if it is in the body of the GET, as in the guide's example;
   * `never`: every call lists all users, page by page. @default "always"
   */
  readonly filter: "always" | "body" | "never";
  /** Status of `invalid_client`, the token endpoint's response to wrong credentials. @default 401 */
  readonly invalidClient: 400 | 401;
  /** The `token_type` of the token endpoint. @default "Bearer" */
  readonly tokenType: "Bearer" | "bearer";
  /** Whether the response to a refresh repeats the `scope`. @default true */
  readonly refreshScope: boolean;
  /** What happens to the access token when a refresh rotates its refresh token. @default "revoked" */
  readonly oldAccessToken: "revoked" | "valid";
  /** Response to a used or unknown code: 400 `invalid_grant`, or 503 `server_error`. @default 400 */
  readonly spentCode: 400 | 503;
  /** Response to a user management call with wrong credentials: 401, or 302 to an HTML login page. @default 401 */
  readonly unauthorized: 302 | 401;
  /** Whether a 429 has `Retry-After`, in seconds (also `true`) or as an HTTP date. @default false */
  readonly retryAfter: boolean | "seconds" | "date";
  /** A reused refresh token is refused; `revokeFamily` also revokes every token derived from it. @default "refuse" */
  readonly reuse: "refuse" | "revokeFamily";
  /**
   * A reused code is refused; `revokeFamily` also revokes every token derived from it, as RFC 6749, section 4.1.2,
   * recommends. @default "refuse"
   */
  readonly codeReuse: "refuse" | "revokeFamily";
  /**
   * Whether a refresh replaces the refresh token and ends the old pair. If not, the response has no `refresh_token`, and
   * the old access token stays valid until it expires. @default true
   */
  readonly rotate: boolean;
  /**
   * Names of the paging parameters of `GET /user`; other names are ignored. `false`: all are ignored, and every call
   * returns the same first page of 100 users; `"all"`: every call returns all users.
   * @default { skip: "skip", limit: "limit" }
   */
  readonly pager: { readonly skip: string; readonly limit: string } | false | "all";
  /** The `active` of new users; see {@link Sandbox.setActive}. @default true */
  readonly active: boolean;
  /**
   * Another client that uses the account's management calls, one at each multiple of `everyMs` milliseconds since 1970.
   * They count toward the limit and are not in the journal. @default false (no other client)
   */
  readonly spender: { readonly everyMs: number } | false;
}

/** What may be the name of something. */
export const aName: Rule = {
  must: "a non-empty string",
  holds: (value) => typeof value === "string" && value !== "",
};

const aPager: Rule = {
  must: 'false, "all", or names { skip, limit }',
  holds: (value) =>
    value === false ||
    value === "all" ||
    (isObject(value) && aName.holds(value["skip"]) && aName.holds(value["limit"])),
};

const aSpender: Rule = {
  must: "false, or { everyMs } with a whole number from 1",
  holds: (value) => value === false || (isObject(value) && whole(1).holds(value["everyMs"])),
};

const options: Options<Behaviour> = {
  ...fhirOptions,
  codeLifeMs: [300_000, between(0)],
  codeReadyMs: [0, between(0)],
  accessTokenLifeMs: [7_200_000, between(0)],
  refreshTokenLifeMs: [1_209_600_000, between(0)],
  exists: [200, among(200, 400, 404)],
  missing: [200, among(200, 400, 404)],
  createAgain: ["error", among("error", "success")],
  renamed: ["confirmation", among("confirmation", "user")],
  noMatch: [200, among(200, 400)],
  filter: ["always", among("always", "body", "never")],
  invalidClient: [401, among(400, 401)],
  tokenType: ["Bearer", among("Bearer", "bearer")],
  refreshScope: [true, aSwitch],
  oldAccessToken: ["revoked", among("revoked", "valid")],
  spentCode: [400, among(400, 503)],
  unauthorized: [401, among(302, 401)],
  retryAfter: [false, among(false, true, "seconds", "date")],
  reuse: ["refuse", among("refuse", "revokeFamily")],
  codeReuse: ["refuse", among("refuse", "revokeFamily")],
  rotate: [true, aSwitch],
  pager: [{ skip: "skip", limit: "limit" }, aPager],
  active: [true, aSwitch],
  spender: [false, aSpender],
};

/** The defaults. */
export const usualBehaviour = picked(([usual]) => usual) as unknown as Behaviour; // a value for each option

/** The rule of each option. */
export const behaviourRules = picked(([, rule]) => rule) as unknown as Rules<Behaviour>; // likewise

function picked<T>(of: (option: readonly [usual: unknown, rule: Rule]) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(options).map(([name, option]) => [name, of(option)]));
}

/** Restores Infinity, which JSON writes as null. */
export function infinite(behaviour: Partial<Behaviour>): Partial<Behaviour> {
  const names = ["purgeBatch", "exportMs", "exportLinkMs"] as const;
  const given = names.filter((name) => behaviour[name] === null);
  return { ...behaviour, ...Object.fromEntries(given.map((name) => [name, Infinity])) };
}
