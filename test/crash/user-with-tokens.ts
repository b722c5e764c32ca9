import type { Sandbox } from "oneup-lifecycle/sandbox";
import type { Life } from "./journeys.ts";

/** A user of an application that does not use this library yet: connected with plain HTTP calls, as 1upHealth's guide shows. */
export async function userWithTokens(
  sandbox: Sandbox,
  url: string,
  id: string,
): Promise<NonNullable<Life["grant"]>> {
  const { clientId: client_id, clientSecret: client_secret } = sandbox.credentials;
  const post = async (path: string, form: Record<string, string>): Promise<Record<string, string>> => {
    const headers = { client_id, client_secret };
    const body = new URLSearchParams(form);
    const answer = await fetch(`${url}${path}`, { method: "POST", headers, body });
    return (await answer.json()) as Record<string, string>; // the sandbox's own
  };
  const oneupUserId = sandbox.createUser(id);
  const { code = "" } = await post("/user-management/v1/user/auth-code", { app_user_id: id });
  const form = { client_id, client_secret, code, grant_type: "authorization_code" };
  const { access_token: accessToken = "", refresh_token: refreshToken = "" } = await post(
    "/oauth2/token",
    form,
  );
  const expiresAt = new Date(sandbox.clock.now() + 2 * 3_600_000).toISOString();
  return { oneupUserId, refreshToken, accessToken, expiresAt };
}
