/** A scripted fault: what goes wrong, on which call, how often. */

import { jsonText } from "../base/message.ts";
import { callNames, type CallName } from "../base/plan.ts";
import {
  among,
  aSwitch,
  aText,
  between,
  check,
  invalid,
  isObject,
  orInfinity,
  type Rules,
  whole,
} from "../../checks.ts";
import { type FaultResponse, faultResponses } from "./fault-responses.ts";

/**
 * A scripted fault. It has at most one of `response`, `status`, `drop` and `omit` (`status` may also go with `response`);
 * `delayMs` and `codeReadyMs` may stand alone or go with any of them.
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
 * sandbox.fail({ call: "createUser", status: 500, commit: true });  // created, but the response is 500
 * sandbox.fail({ call: "createUser", drop: "before" });             // read and counted, but not carried out
 * sandbox.fail({ call: "refreshToken", drop: "after" });            // rotated, but the response is lost
 * sandbox.fail({ call: "exchangeCode", drop: "body" });             // half a response, then the connection is cut
 * sandbox.fail({ delayMs: 2000 });                                  // carried out late; `delay: "after"`: answered late
 * // users and codes
 * sandbox.fail({ response: "alreadyExists", status: 404 });             // 200, 400 or 404; whether or not the user exists
 * sandbox.fail({ response: "doesNotExist" });                           // although it does
 * sandbox.fail({ response: "noCode" });                                 // 200 and `code: null`
 * sandbox.fail({ call: "issueAuthCode", omit: ["code"] });          // 200 and no `code` at all
 * sandbox.fail({ codeReadyMs: 1000 });                              // the next code takes a second to register
 * sandbox.fail({ response: "spentCode", status: 503 });                 // the code is and stays valid
 * sandbox.fail({ response: "spentCode", commit: true });                // exchanged, but reported as used
 * sandbox.fail({ call: "refreshToken", response: "invalidGrant" });     // the refresh token is and stays valid
 * // malformed responses
 * sandbox.fail({ response: "loginPage" });                              // 302 to the login page
 * sandbox.fail({ response: "html" });                                   // 200; `status: 502` for a gateway's page
 * sandbox.fail({ response: "truncated" });                              // a complete response with half the JSON
 * sandbox.fail({ response: "notJson" });                                // declared as JSON, but it is not
 * sandbox.fail({ response: "incompletePage" });                         // a search that reports an error within its page
 * sandbox.fail({ response: "unfinishedPage" });                         // half a page, with a warning that the search timed out
 * sandbox.fail({ response: "deepJson" });
 * sandbox.fail({ response: "hugeJson" });
 * sandbox.fail({ call: "exchangeCode", omit: ["expires_in", "refresh_token", "scope"] });
 * // too many requests
 * sandbox.fail({ response: "rateLimited" });                            // no Retry-After
 * sandbox.fail({ response: "rateLimited", retryAfterMs: 30_000 });      // Retry-After: 30
 * sandbox.fail({ response: "rateLimited", retryAfterMs: 30_000, retryAfter: "date" });
 * ```
 */
export interface Fault {
  /** Which call. @default the calls that `response` or `codeReadyMs` applies to; without those "*" (any) */
  readonly call?: CallName | "*" | undefined;
  /** Only calls for this user, also those that name its 1upHealth user; a rename is for the old and the new id. @default any */
  readonly appUserId?: string | undefined;
  /** How many matching calls it hits; may be `Infinity`. @default 1; Infinity with `probability` */
  readonly times?: number | undefined;
  /** How many matching calls it lets pass first. @default 0 */
  readonly skip?: number | undefined;
  /**
   * Hits each matching call with this probability, above 0 and up to 1. Drawn from the sandbox's `seed`, independently of
   * ids, codes and tokens: the same calls in the same order meet the same faults. @default 1
   */
  readonly probability?: number | undefined;
  /** Replaces the response by a predefined one. */
  readonly response?: FaultResponse | undefined;
  /** Replaces the response: its status, 200 to 599. With `response`: the status of that response. */
  readonly status?: number | undefined;
  /** Body of the replaced response, with `status`: a string as is, anything else as JSON. @default an empty body */
  readonly body?: unknown;
  /** Headers of the replaced response. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** `Retry-After` of the replaced response: that many milliseconds from the sandbox's now, in whole seconds. */
  readonly retryAfterMs?: number | undefined;
  /** Format of `retryAfterMs`. @default the option `retryAfter`; "seconds" if that is off */
  readonly retryAfter?: "seconds" | "date" | undefined;
  /** Whether the call is carried out before the response is replaced. @default false (`truncated`, `unfinishedPage`: true) */
  readonly commit?: boolean | undefined;
  /** Cuts the connection: before the call is carried out, after it, or (after it) in the middle of the body. */
  readonly drop?: "before" | "after" | "body" | undefined;
  /** Milliseconds to wait: of the machine's time, unless the option `waitOn` sets the sandbox's clock. */
  readonly delayMs?: number | undefined;
  /** Waits before the call is carried out, or between that and the response. @default "before" */
  readonly delay?: "before" | "after" | undefined;
  /** Fields to omit from a JSON response, e.g. `code`, `expires_in`, `refresh_token`, `scope`. */
  readonly omit?: readonly string[] | undefined;
  /** The code that this call issues registers that many milliseconds of the sandbox's clock later. */
  readonly codeReadyMs?: number | undefined;
}

const verb = "script the fault";

const rules: Rules<Fault> = {
  call: among("*", ...callNames),
  appUserId: aText,
  times: orInfinity(whole(1)),
  skip: whole(0),
  probability: {
    must: "a number above 0, up to 1",
    holds: (value) => typeof value === "number" && value > 0 && value <= 1,
  },
  response: among(...Object.keys(faultResponses)),
  status: whole(200, 599),
  body: { must: "a string, or what JSON can hold", holds: (value) => jsonText(value) !== undefined },
  headers: { must: "header names with their texts", holds: areHeaders },
  retryAfterMs: between(0),
  retryAfter: among("seconds", "date"),
  commit: aSwitch,
  drop: among("before", "after", "body"),
  delayMs: between(0),
  delay: among("before", "after"),
  omit: {
    must: "a list of field names",
    holds: (value) => Array.isArray(value) && value.length > 0 && value.every(aText.holds),
  },
  codeReadyMs: between(0),
};

/** Fields that are only valid with one of others. */
const needs: readonly (readonly [keyof Fault, ...(keyof Fault)[]])[] = [
  ["body", "status"],
  ["headers", "response", "status"],
  ["retryAfterMs", "response", "status"],
  ["retryAfter", "retryAfterMs"],
  ["commit", "response", "status"],
  ["delay", "delayMs"],
];

/** The fault as a plain object. @throws {LifecycleError} `INVALID_OPTION` with the name, the rule and the value */
export function checkFault(given: Fault): Fault {
  const fault: Fault = check(verb, given, rules);
  const { response, status, drop, omit, delayMs, codeReadyMs, body, commit } = fault;
  for (const [name, ...others] of needs) {
    if (fault[name] === undefined || others.some((other) => fault[other] !== undefined)) continue;
    throw invalid(verb, `${name} must go with ${others.join(" or ")}`, `${name} alone`);
  }
  const effects = [response ?? status, drop, omit].filter((one) => one !== undefined).length;
  if (effects > 1 || (effects === 0 && delayMs === undefined && codeReadyMs === undefined)) {
    const rule = "one of response, status, drop and omit, or have a delayMs or codeReadyMs";
    throw invalid(verb, `a fault must be ${rule}`, `${effects} of them`);
  }
  if (response === undefined) return fault;
  const { statuses, carriesOut } = faultResponses[response];
  if (status !== undefined && statuses !== "any" && !statuses.includes(status)) {
    const rule = `the status of ${response} must be ${statuses.join(", ") || "left out"}`;
    throw invalid(verb, rule, String(status));
  }
  if (body !== undefined) throw invalid(verb, "body must be left out", `one beside ${response}`);
  if (carriesOut === true && commit === false)
    throw invalid(verb, `commit of ${response} must be true`, "false");
  return fault;
}

/** The calls that a fault can hit; `undefined` for any. */
export function callsOf({ call, response, codeReadyMs }: Fault): readonly CallName[] | undefined {
  if (call !== undefined) return call === "*" ? undefined : [call];
  if (response !== undefined) return faultResponses[response].calls;
  return codeReadyMs === undefined ? undefined : ["createUser", "issueAuthCode"];
}

/** Whether the call is carried out. */
export function isCarriedOut(fault: Fault): boolean {
  if (fault.drop === "before") return false;
  const isReplaced = fault.response !== undefined || fault.status !== undefined;
  if (!isReplaced || fault.commit === true) return true;
  return fault.response !== undefined && faultResponses[fault.response].carriesOut === true;
}

/** Describes a fault for the journal: "500 after commit", "no code instead", "dropped before", "without code". */
export function describeFault(fault: Fault): string {
  const { response, status, drop, omit, delayMs, delay, codeReadyMs, probability } = fault;
  const words: string[] = [];
  const answer = response === undefined ? status : faultResponses[response].words;
  if (answer !== undefined) words.push(`${answer} ${isCarriedOut(fault) ? "after commit" : "instead"}`);
  if (drop !== undefined) words.push(drop === "body" ? "cut in the body" : `dropped ${drop}`);
  if (omit !== undefined) words.push(`without ${omit.join(", ")}`);
  if (codeReadyMs !== undefined) words.push(`code registers after ${codeReadyMs} ms`);
  if (delayMs !== undefined) words.push(`delayed ${delayMs} ms ${delay ?? "before"}`);
  if (probability !== undefined) words.push(`with probability ${probability}`);
  return words.join(", ");
}

/** Restores an infinite `times`, which JSON writes as null. */
export function endless(fault: Fault): Fault {
  return fault.times === null ? { ...fault, times: Infinity } : fault;
}

function areHeaders(value: unknown): boolean {
  if (!isObject(value) || !Object.values(value).every(aText.holds)) return false;
  try {
    return new Headers(value as Record<string, string>) instanceof Headers; // all are texts
  } catch {
    return false; // not valid in an HTTP header
  }
}
