/** Answers that have been seen or are to be feared, by name: what a fault `says`. */

import { json, type Outgoing } from "./message.ts";
import { type CallName, callNames } from "./plan.ts";
import { badCode, invalidGrant } from "./token.ts";
import { loginPage, loginRedirect, rateLimited, userExists, userMissing } from "./user-management.ts";
import type { World } from "./world.ts";

/**
 * What a fault can say. In brackets the calls it hits when the fault names none, and the statuses it may have.
 *
 * - `alreadyExists`: "this user already exists", true or not (`createUser`, `updateUser`; 200, 400, 404)
 * - `doesNotExist`: "this user does not exist", true or not (`issueAuthCode`, `updateUser`; 200, 400, 404)
 * - `noCode`: `{ success: false, code: null }` with 200 (`createUser`, `issueAuthCode`)
 * - `spentCode`: the answer to a spent code, though this one is not (`exchangeCode`; 400, 503)
 * - `invalidGrant`: 400 `invalid_grant`, though the grant holds (`exchangeCode`, `refreshToken`)
 * - `rateLimited`: 429, though the limit is not reached (the user management calls)
 * - `loginPage`: 302 to an HTML login page (any; 301, 302, 303, 307, 308)
 * - `html`: a page of HTML with 200 (any; any)
 * - `notJson`: declared as JSON, written as a Ruby hash (any; any)
 * - `truncated`: the answer that is due, complete as HTTP, but its body ends in the middle (any; as it is)
 * - `deepJson`: an object in an object, 100,000 deep (any; any)
 * - `hugeJson`: valid JSON of 17 MiB (any; any)
 *
 * Statuses of the first two and of `spentCode` are those of the options `exists`, `missing` and `spentCode`
 * unless the fault has a `status`.
 */
export type Saying =
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
  | "deepJson"
  | "hugeJson";

/** How a saying is played. */
export interface SayingRule {
  /** For the journal. */
  readonly words: string;
  /** The calls it hits when a fault names none. */
  readonly calls: readonly CallName[];
  /** The statuses that a fault may give it. */
  readonly statuses: readonly number[] | "any";
  /** Is the call carried out in any case? */
  readonly carriesOut?: boolean;
  /** `due` is the answer without the fault, if the call was carried out. A given status wins over the one returned. */
  answer(world: World, status: number | undefined, due: Outgoing): Outgoing;
}

/** Whoever is sent to the login page arrives. */
const anyCall = callNames.filter((call) => call !== "loginPage");

/** Every {@link Saying}. */
export const sayings: Readonly<Record<Saying, SayingRule>> = {
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
    answer: (_world, _status, due) => ({ ...due, body: due.body.slice(0, Math.ceil(due.body.length / 2)) }),
  },
  deepJson: {
    words: "deep JSON",
    calls: anyCall,
    statuses: "any",
    // Written out: JSON.stringify does not survive this depth.
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
