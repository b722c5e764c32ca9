/** A scripted fault: what should go wrong, on which call, how often. */

import { callNames, type CallName } from "./plan.ts";
import { check, checkNames, oneOf, orInfinity, quantity, refuse, type Rule, text, whole } from "./rules.ts";
import { type Saying, sayings } from "./sayings.ts";

/**
 * One scripted fault: one of `says`, `status`, `drop` and `omit` (`status` may also go with `says`), or none;
 * `delayMs` and `codeReadyMs` alone or with any of them.
 *
 * @example
 * ```ts
 * import { createSandbox } from "oneup-lifecycle/sandbox";
 *
 * const sandbox = createSandbox();
 * // which calls, how often
 * sandbox.fail({ call: "createUser", appUserId: "ada", skip: 1, times: 2, status: 502 });
 * sandbox.fail({ times: Infinity, status: 503, body: { message: "down" } }); // until clearFaults()
 * sandbox.fail({ probability: 0.1, drop: "after" });                         // one call in ten, from the seed
 * // before the commit, after it, in the middle of the body, late
 * sandbox.fail({ call: "createUser", status: 500 });                // not created
 * sandbox.fail({ call: "createUser", status: 500, commit: true });  // created, but the answer says 500
 * sandbox.fail({ call: "createUser", drop: "before" });             // read, counted, and not carried out
 * sandbox.fail({ call: "refreshToken", drop: "after" });            // rotated, and nobody hears of it
 * sandbox.fail({ call: "exchangeCode", drop: "body" });             // half an answer, then a cut connection
 * sandbox.fail({ delayMs: 2000 });                                  // carried out late; `delay: "after"`: answered late
 * // users and codes
 * sandbox.fail({ says: "alreadyExists", status: 404 });             // 200, 400 or 404; the user need not exist
 * sandbox.fail({ says: "doesNotExist" });                           // though it does
 * sandbox.fail({ says: "noCode" });                                 // 200 and `code: null`
 * sandbox.fail({ call: "issueAuthCode", omit: ["code"] });          // 200 and no `code` at all
 * sandbox.fail({ codeReadyMs: 1000 });                              // the next code takes a second to register
 * sandbox.fail({ says: "spentCode", status: 503 });                 // the code is good and stays good
 * sandbox.fail({ says: "spentCode", commit: true });                // exchanged, and called spent
 * sandbox.fail({ call: "refreshToken", says: "invalidGrant" });     // the refresh token is good and stays good
 * // answers out of shape
 * sandbox.fail({ says: "loginPage" });                              // 302 to it
 * sandbox.fail({ says: "html" });                                   // 200; `status: 502` for a gateway's page
 * sandbox.fail({ says: "truncated" });                              // a complete answer, half the JSON
 * sandbox.fail({ says: "notJson" });                                // says it is JSON, and is not
 * sandbox.fail({ says: "deepJson" });
 * sandbox.fail({ says: "hugeJson" });
 * sandbox.fail({ call: "exchangeCode", omit: ["expires_in", "refresh_token", "scope"] });
 * // too many requests
 * sandbox.fail({ says: "rateLimited" });                            // no Retry-After
 * sandbox.fail({ says: "rateLimited", retryAfterMs: 30_000 });      // Retry-After: 30
 * sandbox.fail({ says: "rateLimited", retryAfterMs: 30_000, retryAfter: "date" });
 * ```
 */
export interface Fault {
  /** Which call. @default the calls to which `says` or `codeReadyMs` belongs; without them "*" (any) */
  readonly call?: CallName | "*";
  /** Only calls for this user. @default any */
  readonly appUserId?: string;
  /** How many matching calls it hits; may be `Infinity`. @default 1, with `probability` Infinity */
  readonly times?: number;
  /** How many matching calls it lets pass first. @default 0 */
  readonly skip?: number;
  /**
   * Hits each matching call with this chance, above 0 and up to 1. Drawn from the sandbox's `seed`, apart from
   * ids, codes and tokens: the same calls in the same order meet the same faults. @default 1
   */
  readonly probability?: number;
  /** Replaces the answer by one that has a name. */
  readonly says?: Saying;
  /** Replaces the answer: its status, 200 to 599. With `says`: the status of that answer. */
  readonly status?: number;
  /** Body of the replaced answer, with `status`: a string as it is, anything else as JSON. @default an empty body */
  readonly body?: unknown;
  /** Headers of the replaced answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** `Retry-After` of the replaced answer: that many milliseconds from the sandbox's now, in whole seconds. */
  readonly retryAfterMs?: number;
  /** How `retryAfterMs` is written. @default as the option `retryAfter` says; "seconds" if that is off */
  readonly retryAfter?: "seconds" | "date";
  /** Is the call carried out before the answer is replaced? @default false (`truncated`: true) */
  readonly commit?: boolean;
  /** Cuts the connection: before the call is carried out, after it, or (after it) in the middle of the body. */
  readonly drop?: "before" | "after" | "body";
  /** Milliseconds to wait: the machine's, unless the option `waitOn` says otherwise. */
  readonly delayMs?: number;
  /** Waits before the call is carried out, or between that and the answer. @default "before" */
  readonly delay?: "before" | "after";
  /** Fields to leave out of a JSON answer, e.g. `code`, `expires_in`, `refresh_token`, `scope`. */
  readonly omit?: readonly string[];
  /** The code that this call issues registers only so many milliseconds of the sandbox's clock later. */
  readonly codeReadyMs?: number;
}

const verb = "script the fault";

const rules: { readonly [Name in keyof Fault]-?: Rule } = {
  call: oneOf("*", ...callNames),
  appUserId: text,
  times: orInfinity(whole(1)),
  skip: whole(0),
  probability: {
    says: "a number above 0, up to 1",
    holds: (value) => typeof value === "number" && value > 0 && value <= 1,
  },
  says: oneOf(...Object.keys(sayings)),
  status: whole(200, 599),
  body: { says: "a string, or what JSON can hold", holds: isJson },
  headers: { says: "header names with their texts", holds: areHeaders },
  retryAfterMs: quantity,
  retryAfter: oneOf("seconds", "date"),
  commit: oneOf(true, false),
  drop: oneOf("before", "after", "body"),
  delayMs: quantity,
  delay: oneOf("before", "after"),
  omit: {
    says: "a list of field names",
    holds: (value) => Array.isArray(value) && value.length > 0 && value.every(text.holds),
  },
  codeReadyMs: quantity,
};

/** Fields that mean nothing without one of others. */
const needs: readonly (readonly [keyof Fault, ...(keyof Fault)[]])[] = [
  ["body", "status"],
  ["headers", "says", "status"],
  ["retryAfterMs", "says", "status"],
  ["retryAfter", "retryAfterMs"],
  ["commit", "says", "status"],
  ["delay", "delayMs"],
];

/** @throws {LifecycleError} `INVALID_OPTION` with the name, the rule and the value */
export function checkFault(fault: Fault): void {
  checkNames(verb, fault, rules);
  check(verb, fault, rules);
  const { says, status, drop, omit, delayMs, codeReadyMs, body, commit } = fault;
  for (const [name, ...others] of needs) {
    if (fault[name] === undefined || others.some((other) => fault[other] !== undefined)) continue;
    throw refuse(verb, `${name} must go with ${others.join(" or ")}, got ${name} alone`);
  }
  const effects = [says ?? status, drop, omit].filter((one) => one !== undefined).length;
  if (effects > 1 || (effects === 0 && delayMs === undefined && codeReadyMs === undefined)) {
    const rule = "one of says, status, drop and omit, or have a delayMs or codeReadyMs";
    throw refuse(verb, `a fault must be ${rule}, got ${effects} of them`);
  }
  if (says === undefined) return;
  const { statuses, carriesOut } = sayings[says];
  if (status !== undefined && statuses !== "any" && !statuses.includes(status)) {
    throw refuse(verb, `the status of ${says} must be ${statuses.join(", ") || "left out"}, got ${status}`);
  }
  if (body !== undefined) throw refuse(verb, `body must be left out, got one beside ${says}`);
  if (carriesOut === true && commit === false)
    throw refuse(verb, `commit of ${says} must be true, got false`);
}

/** The calls that a fault can hit; `undefined` for any. */
export function callsOf({ call, says, codeReadyMs }: Fault): readonly CallName[] | undefined {
  if (call !== undefined) return call === "*" ? undefined : [call];
  if (says !== undefined) return sayings[says].calls;
  return codeReadyMs === undefined ? undefined : ["createUser", "issueAuthCode"];
}

/** Is the answer another one than is due, whether or not the call is carried out? */
export function isReplaced({ says, status }: Fault): boolean {
  return says !== undefined || status !== undefined;
}

/** Is the call carried out? */
export function isCarriedOut(fault: Fault): boolean {
  if (fault.drop === "before") return false;
  if (!isReplaced(fault) || fault.commit === true) return true;
  return fault.says !== undefined && sayings[fault.says].carriesOut === true;
}

/** A fault in words, for the journal: "500 after commit", "says no code instead", "dropped before", "without code". */
export function describeFault(fault: Fault): string {
  const { says, status, drop, omit, delayMs, delay, codeReadyMs, probability } = fault;
  const words: string[] = [];
  const answer = says === undefined ? status : `says ${sayings[says].words}`;
  if (answer !== undefined) words.push(`${answer} ${isCarriedOut(fault) ? "after commit" : "instead"}`);
  if (drop !== undefined) words.push(drop === "body" ? "cut in the body" : `dropped ${drop}`);
  if (omit !== undefined) words.push(`without ${omit.join(", ")}`);
  if (codeReadyMs !== undefined) words.push(`code registers after ${codeReadyMs} ms`);
  if (delayMs !== undefined) words.push(`delayed ${delayMs} ms ${delay ?? "before"}`);
  if (probability !== undefined) words.push(`by chance of ${probability}`);
  return words.join(", ");
}

/** A fault that went through JSON, which writes Infinity as null. */
export function endless(fault: Fault): Fault {
  return fault.times === null ? { ...fault, times: Infinity } : fault;
}

function isJson(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false; // A BigInt, or a circle.
  }
}

function areHeaders(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !Object.values(value).every(text.holds)) return false;
  try {
    return new Headers(Object.entries(value)) instanceof Headers;
  } catch {
    return false; // A name or a text that HTTP cannot carry.
  }
}
