/** A sandbox that listens, and the calls of the user management guide as one-liners over real HTTP. */

import { onTestFinished } from "vitest";
import { createSandbox, type Sandbox, type SandboxOptions } from "../../src/sandbox/index.ts";

/** Deno's fetch repeats a call when a kept connection is cut; a client that keeps none sends it once. */
const { Deno } = globalThis as unknown as { Deno?: { createHttpClient(options: object): unknown } };
const once = Deno === undefined ? {} : { client: Deno.createHttpClient({ poolMaxIdlePerHost: 0 }) };

/** The header of a body in JSON. */
export const asJson = { "content-type": "application/json" };

export interface Answer {
  readonly status: number;
  // Tests read whatever came; a wrong shape fails the test.
  readonly body: Record<string, any>;
  readonly text: string;
  readonly headers: Headers;
}

export interface Local {
  readonly sandbox: Sandbox;
  readonly url: string;
  call(method: string, path: string, init?: RequestInit): Promise<Answer>;
  /** A control call, by its path below `/_sandbox/`; its body goes out as JSON. */
  control(method: string, path: string, body?: unknown): Promise<Answer>;
  user(method: string, path: string, form: Record<string, string>): Promise<Answer>;
  token(form: Record<string, string>): Promise<Answer>;
  /** Registers a user and exchanges its code. */
  onboard(appUserId: string): Promise<{ id: number; access: string; refresh: string }>;
}

export async function open(options: SandboxOptions = {}): Promise<Local> {
  const sandbox = createSandbox({ seed: 1, ...options });
  const server = await sandbox.listen();
  onTestFinished(() => server.close());
  const call: Local["call"] = (method, path, init) => send(`${server.url}${path}`, { method, ...init });
  const control: Local["control"] = (method, path, body) =>
    call(method, `/_sandbox/${path}`, {
      headers: asJson,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const token: Local["token"] = (form) =>
    call("POST", "/oauth2/token", {
      body: new URLSearchParams({
        client_id: sandbox.credentials.clientId,
        client_secret: sandbox.credentials.clientSecret,
        ...form,
      }),
    });
  const user: Local["user"] = (method, path, form) =>
    call(method, `/user-management/v1/user${path}`, {
      headers: headersOf(sandbox),
      body: new URLSearchParams(form),
    });
  return {
    sandbox,
    url: server.url,
    call,
    control,
    user,
    token,
    async onboard(appUserId) {
      const created = await user("POST", "", { app_user_id: appUserId });
      const pair = await token({ grant_type: "authorization_code", code: created.body["code"] });
      return {
        id: created.body["oneup_user_id"],
        access: pair.body["access_token"],
        refresh: pair.body["refresh_token"],
      };
    },
  };
}

/** The user ada, with a token. */
export interface WithUser extends Local {
  readonly ada: { readonly id: number; readonly access: string; readonly refresh: string };
  /** Calls FHIR as ada, or with another token. */
  fhir(method: string, path: string, body?: unknown, token?: string): Promise<Answer>;
}

/** A sandbox that listens, with a user. */
export async function openWithUser(options?: SandboxOptions): Promise<WithUser> {
  const local = await open(options);
  const ada = await local.onboard("ada");
  const fhir: WithUser["fhir"] = (method, path, body, token = ada.access) =>
    local.call(method, path, {
      headers: { ...bearer(token), ...asJson },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  return { ...local, ada, fhir };
}

export function headersOf(sandbox: Sandbox): Record<string, string> {
  return { client_id: sandbox.credentials.clientId, client_secret: sandbox.credentials.clientSecret };
}

export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

async function send(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, { redirect: "manual", ...once, ...init });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return {
    status: response.status,
    body: isJson ? parse(text) : {},
    text,
    headers: response.headers,
  };
}

/** A fault may declare as JSON what is none. */
function parse(text: string): Record<string, any> {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
