import type { Answer, Call, Client } from "../../src/http/call.ts";
import { Secret } from "../../src/secret.ts";

/** Every secret of these tests contains this word, so that a leak is found by looking for it. */
export const hush = "hush";

export const client: Client = {
  api: "https://api.1up.health",
  auth: "https://auth.1up.health",
  clientId: "clientid",
  clientSecret: new Secret(`${hush}-client`),
};

/** An answer sent at 1000 and received at 2000. */
export function answer(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { type: "answer", status, headers, text, sentAt: 1000, receivedAt: 2000 };
}

/** A call with a secret in every place where one can be. */
export function secretCall(base: string, more: Partial<Call> = {}): Call {
  return {
    name: "createUser",
    endpoint: "management",
    method: "POST",
    url: `${base}/user?code=${hush}-query`,
    template: "/user",
    headers: { client_secret: `${hush}-header`, "content-type": "application/x-www-form-urlencoded" },
    body: `code=${hush}-body`,
    ...more,
  };
}

/** Opens every secret of a value, so that `toEqual` can compare them. */
export function opened(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal();
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, opened(part)]));
}
