/** Predefined responses, observed or to be expected, by name: the values of a fault's `response`. */

import { json, type Outgoing, parseObject } from "../base/message.ts";
import { type CallName, callNames, kindOf } from "../base/plan.ts";
import { badCode, invalidGrant } from "../oauth/plan-token.ts";
import {
  loginPage,
  loginRedirect,
  rateLimited,
  userExists,
  userMissing,
} from "../oauth/plan-user-management.ts";
import type { World } from "../state/world.ts";

/**
 * The predefined responses. In parentheses: the calls a fault hits if it names none, and the statuses it may have.
 *
 * - `alreadyExists`: "this user already exists", true or not (`createUser`, `updateUser`; 200, 400, 404)
 * - `doesNotExist`: "this user does not exist", true or not (`issueAuthCode`, `updateUser`; 200, 400, 404)
 * - `noCode`: `{ success: false, code: null }` with 200 (`createUser`, `issueAuthCode`)
 * - `spentCode`: the response to a used code, although this one is not (`exchangeCode`; 400, 503)
 * - `invalidGrant`: 400 `invalid_grant`, although the grant is valid (`exchangeCode`, `refreshToken`)
 * - `rateLimited`: 429, although the limit is not reached (the user management calls)
 * - `loginPage`: 302 to an HTML login page (any; 301, 302, 303, 307, 308)
 * - `html`: an HTML page with 200 (any; any)
 * - `notJson`: declared as JSON, written as a Ruby hash (any; any)
 * - `truncated`: the normal response, complete as HTTP, but its body ends in the middle (any; its own)
 * - `incompletePage`: a page without resources, with an OperationOutcome that reports an error (`fhir.search`; 200)
 * - `unfinishedPage`: the first half of the normal page, without total and links, with a warning that the search has timed out
 *   (`fhir.search`; its own)
 * - `deepJson`: objects nested 100,000 deep (any; any)
 * - `hugeJson`: valid JSON of 17 MiB (any; any)
 *
 * The first two and `spentCode` use the statuses of the options `exists`, `missing` and `spentCode`, unless the fault has a
 * `status`.
 */
export type FaultResponse =
  | "alreadyExists"
  | "doesNotExist"
  | "noCode"
  | "spentCode"
  | "invalidGrant"
  | "rateLimited"
  | "loginPage"
  | "html"
  | "notJson"
  | "truncated"
  | "incompletePage"
  | "unfinishedPage"
  | "deepJson"
  | "hugeJson";

/** How a predefined response is produced. */
export interface FaultResponseRule {
  /** For the journal. */
  readonly words: string;
  /** The calls it hits when a fault names none. */
  readonly calls: readonly CallName[];
  /** The statuses that a fault may give it. */
  readonly statuses: readonly number[] | "any";
  /** Whether the call is carried out in any case. */
  readonly carriesOut?: boolean;
  /** `due` is the response without the fault, if the call was carried out. A given status overrides the returned one. */
  answer(world: World, status: number | undefined, due: Outgoing): Outgoing;
}

/** All calls but `loginPage`, so that a redirect to the login page succeeds. */
const anyCall = callNames.filter((call) => call !== "loginPage");

const management = callNames.filter((call) => kindOf(call) === "management");

/** Every {@link FaultResponse}. */
export const faultResponses: Readonly<Record<FaultResponse, FaultResponseRule>> = {
  alreadyExists: rule("already exists", ["createUser", "updateUser"], [200, 400, 404], ({ settings }) =>
    userExists(settings.exists),
  ),
  doesNotExist: rule("does not exist", ["issueAuthCode", "updateUser"], [200, 400, 404], ({ settings }) =>
    userMissing(settings.missing),
  ),
  noCode: rule("no code", ["createUser", "issueAuthCode"], [200], () =>
    json(200, { success: false, code: null }),
  ),
  spentCode: rule("spent code", ["exchangeCode"], [400, 503], ({ settings }, status = settings.spentCode) =>
    badCode(status),
  ),
  invalidGrant: rule("invalid grant", ["exchangeCode", "refreshToken"], [400], () =>
    invalidGrant("Invalid grant"),
  ),
  rateLimited: rule("rate limited", management, [429], () => rateLimited({})),
  loginPage: rule("login page", anyCall, [301, 302, 303, 307, 308], () => loginRedirect),
  html: rule("HTML", anyCall, "any", () => loginPage),
  notJson: rule("not JSON", anyCall, "any", () => asJson('{"success" => true, "active" => true}')),
  truncated: {
    ...rule("JSON cut short", anyCall, [], (_world, _status, { bytes, ...due }) => ({
      ...due,
      body: due.body.slice(0, Math.ceil(due.body.length / 2)),
      ...(bytes !== undefined && { bytes: bytes.slice(0, Math.ceil(bytes.length / 2)) }),
    })),
    carriesOut: true,
  },
  incompletePage: rule("incomplete page", ["fhir.search"], [200], () => {
    const resource = {
      resourceType: "OperationOutcome",
      issue: [{ severity: "error", code: "incomplete", diagnostics: "Not all of it could be read" }],
    };
    const entry = [{ search: { mode: "outcome" }, resource }];
    return json(200, { resourceType: "Bundle", type: "searchset", entry });
  }),
  unfinishedPage: {
    ...rule("unfinished page", ["fhir.search"], [], (_world, _status, due) => unfinished(due)),
    carriesOut: true,
  },
  // Written by hand: JSON.stringify fails at this depth.
  deepJson: rule("deep JSON", anyCall, "any", () =>
    asJson(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`),
  ),
  hugeJson: rule("huge JSON", anyCall, "any", () =>
    asJson(`{"success":true,"code":"${"a".repeat(hugeLength)}"}`),
  ),
};

function rule(
  words: string,
  calls: readonly CallName[],
  statuses: FaultResponseRule["statuses"],
  answer: FaultResponseRule["answer"],
): FaultResponseRule {
  return { words, calls, statuses, answer };
}

function unfinished(due: Outgoing): Outgoing {
  const { entry, resourceType, type } = parseObject(due.body) ?? {};
  if (resourceType !== "Bundle") return due;
  const found: readonly unknown[] = Array.isArray(entry) ? entry : [];
  const issue = [{ severity: "warning", code: "timeout", diagnostics: "The search took too long" }];
  const warning = { search: { mode: "outcome" }, resource: { resourceType: "OperationOutcome", issue } };
  const half = found.slice(0, Math.floor(found.length / 2));
  return { ...due, body: JSON.stringify({ resourceType, type, entry: [...half, warning] }) };
}

function asJson(body: string): Outgoing {
  return { ...json(200, null), body };
}

/** Depth of `deepJson`. */
const levels = 100_000;

/** Length of `hugeJson`, in bytes. */
const hugeLength = 17 * 1024 * 1024;
