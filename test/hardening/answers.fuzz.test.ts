import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Refusal } from "../../src/http/answer.ts";
import type { Answer } from "../../src/http/call.ts";
import { readResponse } from "../../src/fhir/fhir-response.ts";
import {
  creating,
  deleting,
  operating,
  permitting,
  reading,
  searching,
  updating,
  type Operation,
} from "../../src/fhir/operation.ts";
import { retryAfterMs } from "../../src/http/retry-after.ts";
import { readTokens, type Tokens } from "../../src/http/token.ts";
import {
  readCreatedUser,
  readIssuedCode,
  readUpdatedUser,
  readUserList,
} from "../../src/http/user-management.ts";
import { isLifecycleError } from "../../src/errors.ts";
import { readPurge } from "../../src/http/purge.ts";
import { Secret } from "../../src/secret.ts";
import { bounds, garbage, mutated, patience, torn } from "./mutants.ts";

/** Bodies as 1upHealth sends them, and what gateways put in their place. */
const bodies: readonly unknown[] = [
  { success: true, code: "c0de", oneup_user_id: 251, app_user_id: "ada", active: true },
  {
    success: true,
    oneup_user_id: 251,
    access_token: "at",
    refresh_token: "rt",
    expires_in: 7200,
    active: "false",
  },
  { success: false, error: "this user already exists" },
  { success: false, error: "this user does not exist" },
  {
    success: true,
    entry: [{ oneup_user_id: 251, app_user_id: "ada", active: true }, { oneup_user_id: 252 }],
  },
  { oneUpUserId: 251, success: true },
  { access_token: "at", token_type: "bearer", expires_in: 7199, refresh_token: "rt", scope: "user/*.*" },
  { error: "invalid_grant", error_description: "Invalid code" },
  { error: { message: "Invalid refresh token" } },
  { message: "Too Many Requests" },
  { resourceType: "Patient", id: "a-1", name: [{ family: "Lovelace" }] },
  {
    resourceType: "OperationOutcome",
    issue: [
      {
        severity: "error",
        code: "invalid",
        expression: ["Patient.name[0]"],
        diagnostics: "ada lovelace, born 1815",
      },
    ],
  },
];

const statuses = fc.oneof(
  { arbitrary: fc.constantFrom(200, 201, 400, 401, 403, 404, 429, 500, 503), weight: 4 },
  { arbitrary: fc.constantFrom(0, 100, 204, 302, 307, 408, 425, 599, 999, -1, 1.5, NaN), weight: 1 },
);

const headers = fc.dictionary(
  fc.constantFrom(
    "retry-after",
    "date",
    "ratelimit",
    "ratelimit-reset",
    "x-ratelimit-reset",
    "content-type",
    "location",
    "__proto__",
  ),
  fc.oneof(
    fc.constantFrom(
      "30",
      "-1",
      "1e9",
      "99999999999999999999",
      "Fri, 31 Dec 9999 23:59:59 GMT",
      "Thu, 99 Foo 0 99:99:99",
    ),
    fc.constantFrom(
      `"hour";r=0;t=${"9".repeat(400)}`,
      "limit=1, reset=999999999999",
      "text/html",
      "application/json",
    ),
    fc.constantFrom("/r4/Patient/..", `/r4/Patient/${"9".repeat(64)}`, "https://evil.example/Patient/1"),
    fc.string({ unit: "binary", maxLength: 40 }),
  ),
  { maxKeys: 3 },
);

const text = mutated(bodies);
const answers: fc.Arbitrary<Answer> = fc.record({
  type: fc.constant("answer" as const),
  status: statuses,
  headers,
  text: fc.oneof(
    { arbitrary: text, weight: 6 },
    { arbitrary: torn(text), weight: 2 },
    { arbitrary: garbage, weight: 1 },
  ),
  sentAt: fc.constant(1_767_225_600_000),
  receivedAt: fc.constant(1_767_225_600_250),
});

/** Every body as it is, with the statuses it may come with. */
const unchanged: readonly Answer[] = bodies.flatMap((body) =>
  [200, 401, 403, 429, 400].map((status) => ({
    type: "answer",
    status,
    headers: {},
    text: JSON.stringify(body),
    sentAt: 1_767_225_600_000,
    receivedAt: 1_767_225_600_250,
  })),
);

const seen = new Map<string, number>();
const note = (of: string, type: string): void =>
  void seen.set(`${of} ${type}`, (seen.get(`${of} ${type}`) ?? 0) + 1);

function must(holds: boolean, what: string, value: unknown): void {
  if (!holds) throw new Error(`${what}: ${JSON.stringify(value)}`);
}

const isWait = (ms: unknown): boolean => ms === undefined || (Number.isFinite(ms) && Number(ms) >= 0);
const isId = (id: unknown): boolean => Number.isSafeInteger(id) && Number(id) > 0;
const isShort = (secret: unknown): boolean =>
  secret instanceof Secret && secret.reveal() !== "" && secret.reveal().length <= 8_000;

function checkTokens(tokens: Tokens, { sentAt }: Answer): void {
  const { accessToken, refreshToken, expiresAt, scope } = tokens;
  must(isShort(accessToken) && /^[\x21-\x7e]+$/.test(accessToken.reveal()), "access token", tokens);
  must(refreshToken === undefined || isShort(refreshToken), "refresh token", tokens);
  must(expiresAt >= sentAt + 1_000 && expiresAt <= sentAt + 31_536_000_000, "expiry", tokens);
  must(scope === undefined || (typeof scope === "string" && scope.length <= 8_000), "scope", tokens);
}

function checkRefusal(refusal: Refusal): void {
  switch (refusal.type) {
    case "throttled":
      return must(isWait(refusal.retryAfterMs), "wait", refusal);
    case "credentialsRefused":
      return;
    case "inDoubt":
    case "refused":
    case "blocked":
    case "unexplained":
      return must(/^(http_[\w.-]{1,8}|[a-z_]{1,30})$/.test(refusal.why), "a word of ours", refusal);
    default:
      must(false, "a refusal", refusal satisfies never);
  }
}

type Read = ReturnType<
  | typeof readCreatedUser
  | typeof readIssuedCode
  | typeof readUpdatedUser
  | typeof readUserList
  | typeof readTokens
  | typeof readPurge
>;

function check(read: Read, answer: Answer): void {
  switch (read.type) {
    case "created":
      return must(
        isId(read.oneupUserId) && typeof read.active === "boolean" && isShort(read.code),
        "user",
        read,
      );
    case "authorized":
      must(isId(read.oneupUserId) && typeof read.active === "boolean", "user", read);
      return checkTokens(read.tokens, answer);
    case "code": {
      const { oneupUserId, active, code } = read;
      must(oneupUserId === undefined || isId(oneupUserId), "id", read);
      return must((active === undefined || typeof active === "boolean") && isShort(code), "code", read);
    }
    case "users":
      must(read.entries >= read.users.length, "number of entries", read);
      return read.users.forEach(({ oneupUserId, appUserId, active }) => {
        must(isId(oneupUserId) && typeof active === "boolean", "listed user", read);
        must(appUserId === undefined || (appUserId !== "" && appUserId.length <= 2_000), "its name", read);
      });
    case "tokens":
      return checkTokens(read.tokens, answer);
    case "grantRefused":
      return must(read.why === "invalid_grant" || read.why === "invalid_code", "why", read);
    case "exists":
    case "missing":
    case "updated":
    case "conflict":
    case "purged":
    case "cut":
      return;
    default:
      return checkRefusal(read);
  }
}

const asked = { appUserId: "ada" };

describe("readers of answers", () => {
  it(
    "give a value of their type for whatever comes, and throw nothing",
    () => {
      const readers = {
        readCreatedUser: (answer: Answer) => readCreatedUser(answer, asked),
        readIssuedCode: (answer: Answer) => readIssuedCode(answer, asked),
        readUpdatedUser: (answer: Answer) => readUpdatedUser(answer, asked),
        readUserList,
        readTokens,
        readPurge,
      };
      fc.assert(
        fc.property(answers, (answer) => {
          for (const [name, read] of Object.entries(readers)) {
            const outcome = read(answer);
            check(outcome, answer);
            note(name, outcome.type);
          }
          must(isWait(retryAfterMs(answer.headers, answer.receivedAt)), "wait", answer.headers);
        }),
        bounds(
          1_500,
          unchanged.map((answer) => [answer]),
        ),
      );
      const expected = [
        ...["created", "authorized", "exists", "throttled", "inDoubt"].map(
          (type) => `readCreatedUser ${type}`,
        ),
        ...["code", "missing", "credentialsRefused"].map((type) => `readIssuedCode ${type}`),
        ...["users", "blocked", "unexplained"].map((type) => `readUserList ${type}`),
        ...["updated", "conflict"].map((type) => `readUpdatedUser ${type}`),
        ...["tokens", "grantRefused"].map((type) => `readTokens ${type}`),
        ...["purged", "unexplained"].map((type) => `readPurge ${type}`),
      ];
      expect(expected.filter((outcome) => !seen.has(outcome))).toEqual([]);
      expect({}).not.toHaveProperty("a"); // nothing was written on the prototype of all objects
    },
    patience,
  );

  it(
    "of FHIR give a resource of the type asked for, or a LifecycleError without a word of the answer",
    () => {
      const tasks: readonly Operation[] = [
        creating("Patient"),
        reading("Patient", "a"),
        updating("Patient", "a"),
        deleting("Patient", "a"),
        searching("Patient", []),
        operating("meta", undefined, true),
        permitting(true),
      ];
      fc.assert(
        fc.property(fc.constantFrom(...tasks), answers, (task, answer) => {
          const outcome = readResponse(task, answer);
          note("fhir", outcome.type);
          if (outcome.type === "proofRefused") return;
          if (outcome.type === "done") {
            const resources = outcome.page?.matches ?? [outcome.resource ?? {}];
            for (const { resourceType, id } of task.expects === "resource" ? resources : []) {
              must(
                resourceType === "Patient" && /^(?!\.{1,2}$)[\w.-]{1,64}$/.test(String(id)),
                "resource",
                outcome,
              );
            }
            return;
          }
          const { error } = outcome;
          must(isLifecycleError(error) && isWait(error.retryAfterMs), "error", error);
          must(
            error.message.length < 1_500 &&
              !/evil|ada love|born/.test(JSON.stringify([error.message, error.facts])),
            "message",
            error.message,
          );
        }),
        bounds(
          800,
          unchanged.map((answer) => [creating("Patient"), answer]),
        ),
      );
      expect(["done", "proofRefused", "error"].filter((type) => !seen.has(`fhir ${type}`))).toEqual([]);
    },
    patience,
  );
});
