/**
 * The two calls of an onboarding, as an application without the library writes them; shared by all peers. Each peer
 * retries as its documentation recommends; "already exists" is followed by a request for a code.
 *
 * @module
 */
import { Pool } from "undici";

/** The retries of a call; each peer is configured accordingly. */
export const retries = { attempts: 5, firstMs: 100, factor: 2 };

const content = { "content-type": "application/x-www-form-urlencoded", accept: "application/json" };

/** @param {import("./side.ts").Provider} provider */
export function callsTo({ url, credentials, connections }) {
  const pool = new Pool(url, { connections });
  const { clientId: client_id, clientSecret: client_secret } = credentials;
  const identified = { ...content, client_id, client_secret };

  /**
   * @param {string} path
   * @param {Record<string, string>} headers
   * @param {Record<string, string>} fields
   */
  async function post(path, headers, fields) {
    const body = new URLSearchParams(fields).toString();
    const answer = await pool.request({ method: "POST", path, headers, body });
    return answer.body.json();
  }

  return {
    /** Creates a user, or requests a code for an existing one. @param {string} app_user_id */
    async createUser(app_user_id) {
      const user = await post("/user-management/v1/user", identified, { app_user_id });
      if (typeof user.code === "string") return user.code;
      if (!/already exists/iu.test(user.error)) throw new Error(`Not registered: ${user.error}`);
      const again = await post("/user-management/v1/user/auth-code", identified, { app_user_id });
      if (typeof again.code !== "string") throw new Error(`No code: ${again.error}`);
      return again.code;
    },
    /** Exchanges the one-time code for tokens. @param {string} code */
    async exchangeCode(code) {
      const grant = { client_id, client_secret, code, grant_type: "authorization_code" };
      const tokens = await post("/oauth2/token", content, grant);
      if (typeof tokens.access_token !== "string") throw new Error(`No token: ${tokens.error}`);
      return { accessToken: tokens.access_token, refreshToken: tokens.refresh_token };
    },
    close: () => pool.close(),
  };
}
