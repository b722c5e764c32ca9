/**
 * `POST /oauth2/token` (and the older `/fhir/oauth2/token`): a form that contains the credentials, as in the 1upHealth
 * user management guide. Errors follow RFC 6749, section 5.2. HTTP Basic is ignored.
 */

import type { TokenPair } from "../state/grants.ts";
import { header, type Incoming, json, type Outgoing, type Parameters, readForm } from "../base/message.ts";
import { type Carried, type Plan, refused } from "../base/plan.ts";
import type { World } from "../state/world.ts";

const uncached = { "cache-control": "no-store", pragma: "no-cache" };

/** Parses a call to the token endpoint. */
export function planToken(world: World, incoming: Incoming): Plan | undefined {
  if (incoming.path !== "/oauth2/token" && incoming.path !== "/fhir/oauth2/token") return undefined;
  if (incoming.method !== "POST") return unknown(405, "invalid_request", "Only POST");
  const type = header(incoming, "content-type") ?? "application/x-www-form-urlencoded";
  if (!type.startsWith("application/x-www-form-urlencoded")) {
    return unknown(400, "invalid_request", "The body is not a form");
  }
  const form = readForm(incoming.body);
  switch (form.get("grant_type")) {
    case "authorization_code":
      return exchange(world, form);
    case "refresh_token":
      return refresh(world, form);
    case undefined:
      return unknown(400, "invalid_request", "Missing parameter: grant_type");
    default:
      return unknown(400, "unsupported_grant_type", "Unsupported grant type");
  }
}

function exchange(world: World, form: Parameters): Plan {
  const code = form.get("code");
  if (code === undefined) return { ...missing("code"), call: "exchangeCode" };
  return {
    call: "exchangeCode",
    ...world.subject(world.grants.ownerOf("code", code)),
    secrets: { code },
    carryOut: () =>
      strangerOf(world, form) ??
      answer(world.grants.exchange(code, world.now()), world, "exchange") ??
      refusedCode(world),
  };
}

function refresh(world: World, form: Parameters): Plan {
  const refreshToken = form.get("refresh_token");
  if (refreshToken === undefined) return { ...missing("refresh_token"), call: "refreshToken" };
  return {
    call: "refreshToken",
    ...world.subject(world.grants.ownerOf("refreshToken", refreshToken)),
    secrets: { refreshToken },
    carryOut: () =>
      strangerOf(world, form) ??
      answer(world.grants.refresh(refreshToken, world.now()), world, "refresh") ??
      refused("invalid_grant", invalidGrant("Invalid refresh token")),
  };
}

function answer(
  pair: TokenPair | undefined,
  { settings }: World,
  to: "exchange" | "refresh",
): Carried | undefined {
  if (pair === undefined) return undefined;
  const rotated = to === "exchange" || settings.rotate;
  const scoped = to === "exchange" || settings.refreshScope;
  const { accessToken, refreshToken } = pair;
  const body = {
    access_token: accessToken,
    token_type: settings.tokenType,
    expires_in: Math.floor(settings.accessTokenLifeMs / 1000),
    ...(rotated ? { refresh_token: refreshToken } : {}),
    ...(scoped ? { scope: "user" } : {}),
  };
  return {
    outgoing: json(200, body, uncached),
    outcome: "tokens",
    committed: true,
    secrets: { issuedAccessToken: accessToken, ...(rotated && { issuedRefreshToken: refreshToken }) },
  };
}

function refusedCode({ settings: { spentCode } }: World): Carried {
  return refused(spentCode === 503 ? "server_error" : "invalid_grant", badCode(spentCode));
}

/** The response to a used, unknown, expired or not yet registered code: 400, but 503 has been observed too. */
export function badCode(status: number): Outgoing {
  return status === 503 ? oauthError(503, "server_error", "Server error") : invalidGrant("Invalid code");
}

/** The response to an invalid grant. */
export function invalidGrant(description: string): Outgoing {
  return oauthError(400, "invalid_grant", description);
}

function strangerOf(world: World, form: Parameters): Carried | undefined {
  if (world.knows(form.get("client_id"), form.get("client_secret"))) return undefined;
  return refusal(world.settings.invalidClient, "invalid_client", "Invalid client: client is invalid");
}

function missing(name: string): Plan {
  return unknown(400, "invalid_request", `Missing parameter: ${name}`);
}

function unknown(status: number, error: string, description: string): Plan {
  return { call: "unknown", carryOut: () => refusal(status, error, description) };
}

function refusal(status: number, error: string, description: string): Carried {
  return refused(error, oauthError(status, error, description));
}

function oauthError(status: number, error: string, description: string): Outgoing {
  return json(status, { error, error_description: description }, uncached);
}
