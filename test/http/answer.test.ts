import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Answer } from "../../src/http/call.ts";
import { readRefusal } from "../../src/http/answer.ts";
import { parseJson } from "../../src/http/json.ts";
import { retryAfterMs } from "../../src/http/retry-after.ts";
import { readTokens } from "../../src/http/token.ts";
import {
  readCreatedUser,
  readIssuedCode,
  readUpdatedUser,
  readUserList,
} from "../../src/http/user-management.ts";
import { answer } from "./samples.ts";

const ada = { appUserId: "ada" };
const readers = {
  readCreatedUser: (answer: Answer) => readCreatedUser(answer, ada),
  readIssuedCode: (answer: Answer) => readIssuedCode(answer, ada),
  // Of a limit it also tells whether the answer is bare: see user-management.test.ts.
  readUpdatedUser: (answer: Answer) => ({ ...readUpdatedUser(answer, ada), isBare: undefined }),
  readUserList,
  readTokens,
};
const html = { "content-type": "text/html; charset=utf-8" };

describe.each(Object.entries(readers))("%s() on what every endpoint may answer", (_, read) => {
  it.each([
    ["429", 429, "", {}, { type: "throttled" }],
    [
      "429 of a gateway",
      429,
      { message: "Too Many Requests" },
      { "retry-after": "7" },
      { type: "throttled", retryAfterMs: 7000 },
    ],
    [
      "a redirect to a login",
      302,
      "",
      { location: "https://1up.health/login" },
      { type: "blocked", why: "http_302" },
    ],
    ["a redirect that a browser hid", 302, "", {}, { type: "blocked", why: "http_302" }],
    [
      "a login page, 200",
      200,
      "<!DOCTYPE html><title>Log in</title>",
      html,
      { type: "blocked", why: "html_page" },
    ],
    ["a login page, 404, without a type", 404, "\n<html>Sign in", {}, { type: "blocked", why: "html_page" }],
    [
      "a gateway's page for nowhere",
      404,
      "<html><h1>404 Not Found</h1>nginx",
      html,
      { type: "inDoubt", why: "http_404" },
    ],
    ["an empty 401", 401, "", {}, { type: "blocked", why: "http_401" }],
    ["401 of a gateway", 401, { message: "Unauthorized" }, {}, { type: "credentialsRefused" }],
    ["403 of a gateway", 403, { message: "Forbidden" }, {}, { type: "blocked", why: "http_403" }],
    ["403 as a page", 403, "<html>", html, { type: "blocked", why: "http_403" }],
    [
      "403 with words about the credentials",
      403,
      { message: "Invalid client" },
      {},
      { type: "blocked", why: "http_403" },
    ],
    ["403 that names an error code", 403, { error: "invalid_client" }, {}, { type: "credentialsRefused" }],
    ["406 of a firewall", 406, { message: "Not Acceptable" }, {}, { type: "blocked", why: "http_406" }],
    ["407 of a proxy", 407, "", {}, { type: "blocked", why: "http_407" }],
    ["451", 451, {}, {}, { type: "blocked", why: "http_451" }],
    [
      "a client that may not do this",
      403,
      { error: "access_denied" },
      {},
      { type: "blocked", why: "http_403" },
    ],
    [
      "a client that may not do that",
      400,
      { error: "unauthorized_client" },
      {},
      { type: "unexplained", why: "unauthorized_client" },
    ],
    [
      "words of a database about too many requests",
      500,
      { message: "Too Many Requests" },
      {},
      { type: "inDoubt", why: "http_500" },
    ],
    ["an error code in a 503", 503, { error: "invalid_client" }, {}, { type: "inDoubt", why: "http_503" }],
    [
      "an id that quotes a refusal",
      400,
      { success: false, error: 'app_user_id "invalid client" is not allowed' },
      {},
      expect.objectContaining({ why: "http_400" }),
    ],
    ["an empty 400", 400, "", {}, { type: "unexplained", why: "http_400" }],
    ["a 400 of a gateway", 400, { message: "Bad Request" }, {}, { type: "unexplained", why: "http_400" }],
    [
      "a 400 of a framework",
      400,
      { status: 400, error: "Bad Request", path: "/" },
      {},
      { type: "unexplained", why: "http_400" },
    ],
    ["a 413 as text", 413, "too large", {}, { type: "unexplained", why: "http_413" }],
    ["a 400 that is a list", 400, [1], {}, { type: "unexplained", why: "http_400" }],
    ["500", 500, "", {}, { type: "inDoubt", why: "http_500" }],
    ["502 as a page", 502, "<html>", html, { type: "inDoubt", why: "http_502" }],
    [
      "504 of a gateway",
      504,
      { message: "Endpoint request timed out" },
      {},
      { type: "inDoubt", why: "http_504" },
    ],
    ["408", 408, {}, {}, { type: "inDoubt", why: "http_408" }],
    ["a cut body", 200, '{"succ', {}, { type: "inDoubt", why: "unreadable_body" }],
    ["a 404 that is no JSON", 404, "nope", {}, { type: "inDoubt", why: "http_404" }],
    [
      "a 4xx with a code",
      400,
      { error: "unsupported_grant_type" },
      {},
      { type: "unexplained", why: "unsupported_grant_type" },
    ],
    ["a 4xx with other words", 422, { error: "hush: ada" }, {}, { type: "unexplained", why: "http_422" }],
    ["JSON under the name of HTML", 422, { error: "x" }, html, { type: "unexplained", why: "http_422" }],
    ["a limit in a 400", 400, { error: "Rate limit exceeded" }, {}, { type: "throttled" }],
    ["a limit in a 403", 403, { message: "API rate limit exceeded for client" }, {}, { type: "throttled" }],
    ["a limit in a 422", 422, { error: { message: "rate_limit_exceeded" } }, {}, { type: "throttled" }],
    ["a limit in a 402", 402, "You have exceeded your request quota.", {}, { type: "throttled" }],
    [
      "a limit in a 409 that names a time",
      409,
      { message: "Throttled: too many calls" },
      { "retry-after": "7" },
      { type: "throttled", retryAfterMs: 7000 },
    ],
    ["a limit in a 200", 200, { success: false, error: "too many requests" }, {}, { type: "throttled" }],
    ["a limit without its subject", 400, { message: "Limit Exceeded" }, {}, { type: "throttled" }],
    ["a limit and advice", 400, { error: "Limit exceeded: try again later" }, {}, { type: "throttled" }],
    ["a limit of an hour", 400, { error: "Limit reached (300 per hour)." }, {}, { type: "throttled" }],
    ["a limit of a client", 403, { message: "limit exceeded for this client" }, {}, { type: "throttled" }],
    ["a limit of a quota", 400, { error: "quota_exceeded: plan A" }, {}, { type: "throttled" }],
    [
      "a limit of a field",
      400,
      { error: "Limit exceeded: identifier too long" },
      {},
      { type: "unexplained", why: "http_400" },
    ],
    [
      "a limit of a number of elements",
      422,
      { error: { message: "You have exceeded the limit for telecom" } },
      {},
      { type: "unexplained", why: "http_422" },
    ],
    ["a limit in a 503", 503, { error: "rate limit exceeded" }, {}, { type: "inDoubt", why: "http_503" }],
    [
      "a limit that is quoted",
      400,
      { success: false, error: 'cannot read "rate limit exceeded"' },
      {},
      { type: "unexplained", why: "http_400" },
    ],
    [
      "an internal error in a 200",
      200,
      { success: false, error: "Internal problem 17" },
      {},
      { type: "inDoubt", why: "not_stated" },
    ],
    [
      "unknown words in a 200",
      200,
      { success: false, error: "E17" },
      {},
      expect.objectContaining({ why: "http_200" }),
    ],
  ])("reads %s", (_title, status, body, headers, expected) => {
    expect(read(answer(status, body, headers))).toEqual(expected);
  });

  const words = fc.constantFrom(
    "already exists",
    "Invalid code",
    "invalid_grant",
    "server_error",
    "<html>",
    "7",
    "",
  );
  const body = fc.oneof(
    fc.json(),
    fc.string(),
    words,
    fc
      .dictionary(
        fc.constantFrom(
          "success",
          "error",
          "code",
          "entry",
          "oneup_user_id",
          "access_token",
          "expires_in",
          "__proto__",
        ),
        fc.oneof(fc.jsonValue(), words),
      )
      .map((value) => JSON.stringify(value)),
  );
  const headers = fc.dictionary(
    fc.constantFrom("retry-after", "ratelimit", "ratelimit-reset", "content-type", "date", "constructor"),
    fc.string(),
  );
  it("returns a value for any answer and never throws", () => {
    const types =
      /^(created|authorized|exists|code|missing|users|updated|conflict|tokens|grantRefused|throttled|credentialsRefused|blocked|unexplained|inDoubt|refused)$/;
    fc.assert(
      fc.property(
        fc.oneof(fc.integer(), fc.constantFrom(200, 400, 401, 429, 503, NaN)),
        body,
        headers,
        (status, text, named) => {
          const reading = read(answer(status, text, named));
          expect(reading.type).toMatch(types);
          if ("why" in reading) expect(reading.why).toMatch(/^[a-z_]+$|^http_(-?\d+|NaN)$/);
        },
      ),
      { numRuns: 300, interruptAfterTimeLimit: 1500 },
    );
  });
});

describe("readRefusal()", () => {
  it("never copies words of the answer into why", () => {
    const said = answer(400, { error: "hush" });
    expect(JSON.stringify(readRefusal(said, parseJson(said.text)))).not.toContain("hush");
  });
});

describe("retryAfterMs()", () => {
  const now = Date.UTC(2026, 0, 1, 12, 0, 0);
  it.each([
    [{ "retry-after": "120" }, 120_000],
    [{ "retry-after": "0" }, 0],
    [{ "retry-after": "1.5" }, 1500],
    [{ "retry-after": "Thu, 01 Jan 2026 12:00:30 GMT" }, 30_000],
    [{ "retry-after": "Thursday, 01-Jan-26 12:00:30 GMT" }, 30_000],
    [{ "retry-after": "Thu Jan  1 12:00:30 2026" }, 30_000],
    [{ "retry-after": "Thu, 01 Jan 2026 11:00:00 GMT" }, 0],
    [{ "retry-after": "Thu, 01 Jan 2026 11:00:30 GMT", date: "Thu, 01 Jan 2026 11:00:00 GMT" }, 30_000],
    [{ "retry-after": "-5" }, undefined],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "soon", "ratelimit-reset": "9" }, 9000],
    [{ ratelimit: '"hour";r=0;t=30' }, 30_000],
    [{ ratelimit: '"hour";r=0;t=30, "day";r=5;t=900' }, 30_000],
    [{ ratelimit: '"hour";t=30, "day";t=900' }, 900_000],
    [{ ratelimit: "limit=300, remaining=0, reset=40" }, 40_000],
    [{ "x-ratelimit-reset": String(now / 1000 + 50) }, 50_000],
    [{}, undefined],
  ])("reads %j", (headers, expected) => {
    expect(retryAfterMs(headers, now)).toBe(expected);
  });
});
