import fc from "fast-check";
import { describe, expect, it } from "vitest";
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

const readers = { readCreatedUser, readIssuedCode, readUserList, readUpdatedUser, readTokens };
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
      { type: "credentialsRefused" },
    ],
    ["a redirect that a browser hid", 302, "", {}, { type: "credentialsRefused" }],
    ["a login page, 200", 200, "<!DOCTYPE html><title>Log in</title>", html, { type: "credentialsRefused" }],
    ["a login page, 404, without a type", 404, "\n<html>Sign in", {}, { type: "credentialsRefused" }],
    [
      "a gateway's page for nowhere",
      404,
      "<html><h1>404 Not Found</h1>nginx",
      html,
      { type: "inDoubt", why: "http_404" },
    ],
    ["an empty 401", 401, "", {}, { type: "credentialsRefused" }],
    ["401 of a gateway", 401, { message: "Unauthorized" }, {}, { type: "credentialsRefused" }],
    ["403 of a gateway", 403, { message: "Forbidden" }, {}, { type: "forbidden" }],
    ["403 as a page", 403, "<html>", html, { type: "forbidden" }],
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
    ["a 4xx that is no JSON", 404, "nope", {}, { type: "inDoubt", why: "unreadable_body" }],
    [
      "a 4xx with a code",
      400,
      { error: "unsupported_grant_type" },
      {},
      { type: "refused", why: "unsupported_grant_type" },
    ],
    ["a 4xx with other words", 422, { error: "hush: ada" }, {}, { type: "refused", why: "http_422" }],
    ["JSON under the name of HTML", 422, { error: "x" }, html, { type: "refused", why: "http_422" }],
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
      /^(created|authorized|exists|code|missing|users|updated|conflict|tokens|grantRefused|throttled|credentialsRefused|forbidden|inDoubt|refused)$/;
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
