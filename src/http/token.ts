/**
 * Calls to the token endpoint, `POST /oauth2/token`. Source of the facts: 1upHealth user management guide (both
 * grants, credentials in the form body); RFC 6749, section 5, for the answers.
 *
 * @module
 */
import { Secret } from "../secret.ts";
import { oauthCode, readAccountRefusal, saying, type Refusal } from "./answer.ts";
import { describeCall, form, formType, under, type Answer, type Call, type Client } from "./call.ts";
import { field, numeric, parseJson, text } from "./json.ts";

export interface Tokens {
  readonly accessToken: Secret;
  /** Missing if the server gave none: then the old one stays. */
  readonly refreshToken?: Secret;
  /** Milliseconds since 1970, counted from when the call was sent. */
  readonly expiresAt: number;
  readonly scope?: string;
}

/** Describes the exchange of a one-time authorization code; sends nothing. */
export function exchangeCodeCall(client: Client, code: Secret): Call {
  return tokenCall(client, "exchangeCode", { code: code.reveal() }, "authorization_code");
}

/** Describes a refresh; sends nothing. */
export function refreshTokenCall(client: Client, refreshToken: Secret): Call {
  return tokenCall(client, "refreshToken", { refresh_token: refreshToken.reveal() }, "refresh_token");
}

function tokenCall(client: Client, name: string, grant: Record<string, string>, grantType: string): Call {
  return describeCall({
    name,
    endpoint: "token",
    method: "POST",
    url: under(client.auth, "/oauth2/token"),
    template: "/oauth2/token",
    headers: { accept: "application/json", "content-type": formType },
    body: form({
      ...grant,
      client_id: client.clientId,
      client_secret: client.clientSecret.reveal(),
      grant_type: grantType,
    }),
  });
}

/** The code or refresh token is unknown, spent, expired or revoked. `why` is a word, never text of the answer. */
export interface GrantRefused {
  readonly type: "grantRefused";
  readonly why: "invalid_grant" | "invalid_code";
}

/** Reads the answer to either grant. */
export function readTokens(
  answer: Answer,
): { readonly type: "tokens"; readonly tokens: Tokens } | GrantRefused | Refusal {
  const body = parseJson(answer.text);
  const tokens = answer.status >= 200 && answer.status < 300 ? tokensIn(answer, body) : undefined;
  if (tokens !== undefined) return { type: "tokens", tokens };
  const code = oauthCode(body);
  if (code === "invalid_grant") return { type: "grantRefused", why: "invalid_grant" };
  const elsewhere = code === "invalid_client" || code === "server_error" || answer.status >= 500;
  if (!elsewhere && blamesGrant.test(saying(answer, body)))
    return { type: "grantRefused", why: "invalid_code" };
  return readAccountRefusal(answer, body);
}

/** "Invalid code", "authorization code has expired", "Invalid refresh token", "Invalid parameter: `code`", … */
const blamesGrant =
  /\binvalid\b[^.]{0,40}\b(code|refresh[ _]token)\b|\b(code|refresh[ _]token)\b[^.]{0,40}\b(invalid|expired|revoked|used)\b/;

/** Life of an access token whose answer does not say: short, because a long guess would hand out dead tokens. */
const assumedSeconds = 300;
/** An `expires_in` of less than a second, or beyond a year, is no duration. */
const leastSeconds = 1;
const mostSeconds = 31_536_000;

/** A token is kept with its user and travels in a header, and servers take no header of more than some 8,000 characters. */
const longestToken = 8_000;

/** The tokens in a successful answer, if there are any. Also used for a create that brings its tokens along. */
export function tokensIn(answer: Answer, body: unknown): Tokens | undefined {
  const accessToken = text(field(body, "access_token"), longestToken);
  if (accessToken === undefined || !presentable.test(accessToken)) return undefined;
  const refreshToken = text(field(body, "refresh_token"), longestToken);
  const scope = text(field(body, "scope"), longestToken);
  const said = numeric(field(body, "expires_in"));
  const seconds = said !== undefined && said >= leastSeconds && said <= mostSeconds ? said : assumedSeconds;
  return {
    accessToken: new Secret(accessToken),
    ...(refreshToken !== undefined && { refreshToken: new Secret(refreshToken) }),
    expiresAt: answer.sentAt + Math.floor(seconds * 1000),
    ...(scope !== undefined && { scope }),
  };
}

/** What can stand in an `Authorization` header. */
const presentable = /^[\x21-\x7e]+$/;
