/** Predefined responses, observed or to be expected, by name: the values of a fault's `response`. */

import { json, type Outgoing } from "../base/message.ts";
import { type CallName, callNames } from "../base/plan.ts";
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

/** Every {@link FaultResponse}. */
export const faultResponses: Readonly<Record<FaultResponse, FaultResponseRule>> = {
  alreadyExists: {
    words: "already exists",
    calls: ["createUser", "updateUser"],
    statuses: [200, 400, 404],
    answer: ({ settings }) => userExists(settings.exists),
  },
  doesNotExist: {
    words: "does not exist",
    calls: ["issueAuthCode", "updateUser"],
    statuses: [200, 400, 404],
    answer: ({ settings }) => userMissing(settings.missing),
  },
  noCode: {
    words: "no code",
    calls: ["createUser", "issueAuthCode"],
    statuses: [200],
    answer: () => json(200, { success: false, code: null }),
  },
  spentCode: {
    words: "spent code",
    calls: ["exchangeCode"],
    statuses: [400, 503],
    answer: ({ settings }, status = settings.spentCode) => badCode(status),
  },
  invalidGrant: {
    words: "invalid grant",
    calls: ["exchangeCode", "refreshToken"],
    statuses: [400],
    answer: () => invalidGrant("Invalid grant"),
  },
  rateLimited: {
    words: "rate limited",
    calls: ["createUser", "issueAuthCode", "listUsers", "updateUser"],
    statuses: [429],
    answer: () => rateLimited({}),
  },
  loginPage: {
    words: "login page",
    calls: anyCall,
    statuses: [301, 302, 303, 307, 308],
    answer: () => loginRedirect,
  },
  html: { words: "HTML", calls: anyCall, statuses: "any", answer: () => loginPage },
  notJson: {
    words: "not JSON",
    calls: anyCall,
    statuses: "any",
    answer: () => ({ ...json(200, null), body: '{"success" => true, "active" => true}' }),
  },
  truncated: {
    words: "JSON cut short",
    calls: anyCall,
    statuses: [],
    carriesOut: true,
    answer: (_world, _status, { bytes, ...due }) => ({
      ...due,
      body: due.body.slice(0, Math.ceil(due.body.length / 2)),
      ...(bytes !== undefined && { bytes: bytes.slice(0, Math.ceil(bytes.length / 2)) }),
    }),
  },
  incompletePage: {
    words: "incomplete page",
    calls: ["fhir.search"],
    statuses: [200],
    answer: () => {
      const resource = {
        resourceType: "OperationOutcome",
        issue: [{ severity: "error", code: "incomplete", diagnostics: "Not all of it could be read" }],
      };
      const entry = [{ search: { mode: "outcome" }, resource }];
      return json(200, { resourceType: "Bundle", type: "searchset", entry });
    },
  },
  deepJson: {
    words: "deep JSON",
    calls: anyCall,
    statuses: "any",
    // Written by hand: JSON.stringify fails at this depth.
    answer: () => ({ ...json(200, null), body: `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}` }),
  },
  hugeJson: {
    words: "huge JSON",
    calls: anyCall,
    statuses: "any",
    answer: () => ({ ...json(200, null), body: `{"success":true,"code":"${"a".repeat(hugeLength)}"}` }),
  },
};

/** Depth of `deepJson`. */
const levels = 100_000;

/** Length of `hugeJson`, in bytes. */
const hugeLength = 17 * 1024 * 1024;
