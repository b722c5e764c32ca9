/**
 * The two sides of the comparison: the same two calls by hand, and with the library.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pool } from "undici";
import type { Lifecycle, LifecycleOptions } from "oneup-lifecycle";
import { createLifecycle, keyFile, lmdb } from "./product.ts";
import { connections, credentials } from "./settings.ts";

/** Onboards users, from nothing to a working access token. */
export interface Side {
  onboard(appUserId: string): Promise<unknown>;
  close(): Promise<void>;
}

/** The side without the library. */
export interface BareSide extends Side {
  /** Resolves with the token. */
  onboard(appUserId: string): Promise<string>;
  /** FHIR calls with one long-lived token: bodies read and parsed, no error expected. */
  fhir(token: string): BareFhir;
}

/** See {@link BareSide.fhir}. */
export interface BareFhir {
  get(path: string, signal?: AbortSignal): Promise<unknown>;
  post(path: string, resource: object): Promise<{ readonly id: string }>;
}

/** Bare undici: no store, no retry, no limit, like a script that must never fail. */
export function bareSide(providerUrl: string): BareSide {
  const pool = new Pool(providerUrl, { connections });
  const { clientId: client_id, clientSecret: client_secret } = credentials;
  const content = { "content-type": "application/x-www-form-urlencoded", accept: "application/json" };
  const identified = { ...content, client_id, client_secret };

  async function post(path: string, headers: Record<string, string>, fields: Record<string, string>) {
    const body = new URLSearchParams(fields).toString();
    const answer = await pool.request({ method: "POST", path, headers, body });
    return (await answer.body.json()) as Record<string, unknown>; // our own provider returns an object
  }

  return {
    async onboard(app_user_id) {
      const user = await post("/user-management/v1/user", identified, { app_user_id });
      const grant = {
        client_id,
        client_secret,
        code: String(user["code"]),
        grant_type: "authorization_code",
      };
      const tokens = await post("/oauth2/token", content, grant);
      const { access_token } = tokens;
      if (typeof access_token !== "string") throw new Error(`No token for ${app_user_id}`);
      return access_token;
    },
    fhir: (token) => bareFhir(pool, token),
    close: () => pool.close(),
  };
}

function bareFhir(pool: Pool, token: string): BareFhir {
  const headers = {
    accept: "application/json",
    "content-type": "application/json",
    authorization: `Bearer ${token}`,
  };
  return {
    async get(path, signal) {
      // Two literals: one with a spread in it costs a fiftieth of a read.
      const answer =
        signal === undefined
          ? pool.request({ method: "GET", path, headers })
          : pool.request({ method: "GET", path, headers, signal });
      const { body } = await answer;
      return body.json();
    },
    async post(path, resource) {
      const body = JSON.stringify(resource);
      const created = await pool.request({ method: "POST", path, headers, body });
      return (await created.body.json()) as { readonly id: string }; // our own provider's format
    },
  };
}

/** The library's side. */
export interface Durable extends Side {
  readonly lifecycle: Lifecycle;
}

/**
 * The library with everything on: limit, lease, encrypted secrets, counts, commits synced to disk. Only the limit is too
 * high to be reached. Its folder is removed at the end.
 */
export async function durableSide(
  providerUrl: string,
  options: Partial<LifecycleOptions> = {},
): Promise<Durable> {
  const folder = await mkdtemp(join(tmpdir(), "oneup-bench-"));
  const lifecycle = await createLifecycle({
    credentials,
    store: lmdb(join(folder, "store")),
    encryption: keyFile(join(folder, "store.key")),
    endpoints: { api: providerUrl, auth: providerUrl },
    limits: { management: { calls: 1e9, windowMs: 3_600_000 } },
    ...options,
  });
  return {
    lifecycle,
    async onboard(appUserId) {
      const { usable } = await lifecycle.onboard(appUserId);
      if (!usable) throw new Error(`No token for ${appUserId}`);
    },
    async close() {
      await lifecycle.close();
      await rm(folder, { recursive: true });
    },
  };
}
