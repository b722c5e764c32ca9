/**
 * Calls to the token endpoint, `POST /oauth2/token`. Source: 1upHealth user management guide (both grants, credentials
 * in the form body); RFC 6749, section 5, for the answers.
 *
 * @module
 */
import { Secret } from "../secret.ts";
import { decidingCode, mayDecide, readAccountRefusal, remarksOf, type Refusal } from "./answer.ts";
import { describeCall, form, formType, under, type Answer, type Call, type Client } from "./call.ts";
import { field, isObject, numeric, parseJson, text } from "./json.ts";

export interface Tokens {
  readonly accessToken: Secret;
  /** Missing if the server returned none; the old one then stays valid. */
  readonly refreshToken?: Secret;
  /** Milliseconds since 1970, counted from the time the call was sent. */
  readonly expiresAt: number;
  /** For how long it was issued, ms; a slow answer or a process that stood still leaves less of it. */
  readonly lifeMs: number;
  readonly scope?: string;
}

/** Describes the exchange of a one-time authorization code; sends nothing. */
export function exchangeCodeCall(client: Client, code: Secret): Call {
  return tokenCall(client, "exchangeCode", { code: code.reveal() }, "authorization_code");
}

/** Describes an exchange without a code, which every token endpoint refuses; used as a probe. Sends nothing. */
export function emptyExchangeCall(client: Client): Call {
  return tokenCall(client, "exchangeCode", {}, "authorization_code");
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
    body: form([
      ...Object.entries(grant),
      ["client_id", client.clientId],
      ["client_secret", client.clientSecret.reveal()],
      ["grant_type", grantType],
    ]),
  });
}

/**
 * The code or refresh token is unknown, used, expired or revoked. `why` is a fixed word, never text from the answer;
 * `former_token`: a refresh brought the access token that was to be replaced.
 */
export interface GrantRefused {
  readonly type: "grantRefused";
  readonly why: "invalid_grant" | "invalid_code" | "former_token";
}

/** Reads the answer to either grant. */
export function readTokens(
  answer: Answer,
): { readonly type: "tokens"; readonly tokens: Tokens } | GrantRefused | Refusal {
  const body = parseJson(answer.text);
  const tokens = answer.status >= 200 && answer.status < 300 ? tokensIn(answer, body) : undefined;
  if (tokens !== undefined) return { type: "tokens", tokens };
  const code = decidingCode(answer, body);
  if (code === "invalid_grant") return { type: "grantRefused", why: "invalid_grant" };
  // Messages about the grant also count in a 401; otherwise one user's dead grant would be taken for refused
  // credentials.
  const elsewhere =
    code === "invalid_client" || code === "server_error" || code === "temporarily_unavailable";
  const mayBlame = mayDecide(answer.status) || (answer.status === 401 && isObject(body));
  if (!elsewhere && mayBlame && remarksOf(answer, body).some(blamesGrant))
    return { type: "grantRefused", why: "invalid_code" };
  const refusal = readAccountRefusal(answer, body);
  const isStated = refusal.type !== "inDoubt" || refusal.why !== "not_stated";
  return isStated || text(field(body, "access_token")) === undefined
    ? refusal
    : { type: "inDoubt", why: "unusable_token" };
}

/**
 * Reads the answer to {@link emptyExchangeCall}. RFC 6749 defines it, so `refused` means that the token endpoint itself
 * has answered.
 */
export function readEmptyExchange(answer: Answer): ReturnType<typeof readTokens> {
  const read = readTokens(answer);
  const isItsOwn = read.type === "unexplained" && ofRequest.has(read.why);
  return isItsOwn ? { type: "refused", why: read.why } : read;
}

/** Error codes of RFC 6749 about the request. */
const ofRequest: ReadonlySet<string> = new Set([
  "invalid_request",
  "invalid_scope",
  "unsupported_grant_type",
]);

/** What the grant is called in messages. */
const grant = String.raw`(?:(?:the|this|your|an?|given|provided|presented) ){0,2}[\u0060'"]?(?:(?:(?:authorization|authorisation|auth|access|one[ -]time) ?)?code|refresh[ _]token)[\u0060'"]?`;
const lead = String.raw`^\s*(?:error ?[:-] ?)?(?:invalid[ _](?:grant|request) ?[:-] ?)?`;
const grantIsInvalid = [
  new RegExp(String.raw`${lead}invalid (?:parameter:? |value for )?${grant}(?=\s*(?:$|[.!,;:(]))`),
  new RegExp(
    String.raw`${lead}${grant} (?:(?:is|was|has|has been|is either|are) )?(?:already )?(?:been )?(?:not (?:valid|found)|invalid|unknown|expired|revoked|used|redeemed)\b`,
  ),
];

/**
 * Whether the message is "Invalid code", "authorization code has expired", "Invalid refresh token", "Invalid parameter:
 * `code`", … The grant must be the subject: "invalid status code" and a quoted request are not about it.
 */
function blamesGrant(remark: string): boolean {
  // seam: only-a-sentence-about-the-grant-refuses-it
  return grantIsInvalid.some((sentence) => sentence.test(remark));
}

/** Assumed lifetime of an access token without `expires_in`: short, because a long guess would hand out dead tokens. */
const assumedSeconds = 300;
/** An `expires_in` of less than a second or more than a year is ignored. */
const leastSeconds = 1;
const mostSeconds = 31_536_000;

/** A token is stored with its user and sent in a header, and servers limit headers to about 8,000 characters. */
const longestToken = 8_000;

/** The tokens in a successful answer, if there are any. Also used for a create whose answer contains tokens. */
export function tokensIn(answer: Answer, body: unknown): Tokens | undefined {
  const accessToken = text(field(body, "access_token"), longestToken);
  if (accessToken === undefined || !presentable.test(accessToken)) return undefined;
  const refreshToken = text(field(body, "refresh_token"), longestToken);
  const scope = text(field(body, "scope"), longestToken);
  const lifeMs = lifeOf(numeric(field(body, "expires_in")));
  return {
    accessToken: new Secret(accessToken),
    ...(refreshToken !== undefined && { refreshToken: new Secret(refreshToken) }),
    expiresAt: answer.sentAt + lifeMs,
    lifeMs,
    ...(scope !== undefined && { scope }),
  };
}

/** For how long an access token counts as issued, ms, by the `expires_in` of its answer. */
export function lifeOf(expiresIn: number | undefined): number {
  const isUsable = expiresIn !== undefined && expiresIn >= leastSeconds && expiresIn <= mostSeconds;
  return Math.floor((isUsable ? expiresIn : assumedSeconds) * 1000);
}

/** The characters that may appear in an `Authorization` header. */
const presentable = /^[\x21-\x7e]+$/;
