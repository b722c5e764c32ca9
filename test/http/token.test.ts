import { describe, expect, it } from "vitest";
import { readTokens } from "../../src/http/token.ts";
import { answer, opened } from "./samples.ts";

const full = {
  access_token: "at",
  token_type: "Bearer",
  expires_in: 7200,
  refresh_token: "rt",
  scope: "user",
};
/** They were asked for at 1,000. */
const living = (seconds: number) => ({ expiresAt: 1_000 + 1_000 * seconds, lifeMs: 1_000 * seconds });
const tokens = { accessToken: "at", refreshToken: "rt", ...living(7_200), scope: "user" };
const said = (error: string, error_description?: string) => ({ error, error_description });

describe("readTokens()", () => {
  it.each([
    ["a pair", full, tokens],
    ["a lower-case type", { ...full, token_type: "bearer" }, tokens],
    ["a life in quotes", { ...full, expires_in: "3599" }, { ...tokens, ...living(3_599) }],
    [
      "no scope and no refresh token",
      { access_token: "at", expires_in: 60 },
      { accessToken: "at", ...living(60) },
    ],
    ["no life", { ...full, expires_in: undefined }, { ...tokens, ...living(300) }],
    ["a life of 0", { ...full, expires_in: 0 }, { ...tokens, ...living(300) }],
    ["a negative life", { ...full, expires_in: -1 }, { ...tokens, ...living(300) }],
    ["a life that is no number", { ...full, expires_in: "soon" }, { ...tokens, ...living(300) }],
    ["an endless life", { ...full, expires_in: 1e300 }, { ...tokens, ...living(300) }],
  ])("counts from the sending and reads %s", (_, body, expected) => {
    expect(opened(readTokens(answer(200, body)))).toEqual({ type: "tokens", tokens: expected });
  });

  it.each([
    ["invalid_grant, 400", 400, said("invalid_grant"), "invalid_grant"],
    [
      "invalid_grant, 401",
      401,
      said("invalid_grant", "Invalid grant: refresh token is invalid"),
      "invalid_grant",
    ],
    ["an invalid code", 400, said("invalid_request", "Invalid code"), "invalid_code"],
    ["an unsafe code", 400, said("invalid_request", "Invalid parameter: `code`"), "invalid_code"],
    ["an expired code", 400, { message: "authorization code has expired" }, "invalid_code"],
    ["a revoked refresh token", 401, { message: "Refresh token was revoked" }, "invalid_code"],
    [
      "the library's words",
      400,
      { message: "Invalid grant: authorization code has expired" },
      "invalid_code",
    ],
    ["a used code", 400, said("bad", "The authorization code has already been used"), "invalid_code"],
    ["an invalid code in a 200", 200, { success: false, error: "Invalid code" }, "invalid_code"],
  ])("reads %s as a refused grant", (_, status, body, why) => {
    expect(readTokens(answer(status, body))).toEqual({ type: "grantRefused", why });
  });

  it.each([
    ["invalid_client, 400", 400, said("invalid_client"), { type: "credentialsRefused" }],
    [
      "invalid_client, 401",
      401,
      said("invalid_client", "Invalid client: client is invalid"),
      { type: "credentialsRefused" },
    ],
    [
      "a missing parameter",
      400,
      said("invalid_request", "Missing parameter: `code`"),
      { type: "unexplained", why: "invalid_request" },
    ],
    [
      "an unsupported grant",
      401,
      said("unsupported_grant_type"),
      { type: "unexplained", why: "unsupported_grant_type" },
    ],
    [
      "server_error for a spent code",
      503,
      said("server_error", "Invalid code"),
      { type: "inDoubt", why: "http_503" },
    ],
    [
      "a gateway that knows no such path",
      404,
      { message: "Not Found" },
      { type: "inDoubt", why: "http_404" },
    ],
    [
      "a message about another code",
      400,
      said("bad", "Invalid status code from upstream"),
      { type: "unexplained", why: "http_400" },
    ],
    [
      "a quoted request",
      400,
      said("invalid: grant_type=authorization_code&code=used&client_id=1"),
      { type: "unexplained", why: "http_400" },
    ],
    ["invalid_grant in a 503", 503, said("invalid_grant"), { type: "inDoubt", why: "http_503" }],
    ["words about a code in a 403", 403, { message: "Invalid code" }, { type: "blocked", why: "http_403" }],
    ["words about a code in a 408", 408, { message: "code expired" }, { type: "inDoubt", why: "http_408" }],
    ["a bare 503", 503, "", { type: "inDoubt", why: "http_503" }],
    [
      "a token that no header can hold",
      200,
      { access_token: "a\r\nb" },
      { type: "inDoubt", why: "unusable_token" },
    ],
    [
      "a token that is too long for a header",
      200,
      { access_token: "a".repeat(8_001) },
      { type: "inDoubt", why: "unusable_token" },
    ],
    ["a 200 without a token", 200, {}, { type: "inDoubt", why: "not_stated" }],
    ["tokens in a 500", 500, full, { type: "inDoubt", why: "http_500" }],
  ])("leaves the grant alone on %s", (_, status, body, expected) => {
    expect(readTokens(answer(status, body))).toEqual(expected);
  });
});
