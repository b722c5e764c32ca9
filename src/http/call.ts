/**
 * A call to 1upHealth, described and not yet sent, and what can become of it.
 *
 * @module
 */
import { printAs } from "../secret.ts";
import type { Secret } from "../secret.ts";

/** Which of 1upHealth's three endpoints a call goes to. Limits and throttling count per endpoint. */
export type Endpoint = "management" | "token" | "fhir";

/** One HTTP call. It holds secrets, so it prints and serialises without its URL, headers and body. */
export interface Call {
  /** The operation, for spans and the journal: `createUser`, `exchangeCode`, … */
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Absolute, with its query. */
  readonly url: string;
  /** The path without ids and query, for `url.template`: `/dstu2/Patient/{id}`. */
  readonly template: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** 1upHealth answered; whatever it said is for a reader to judge. */
export interface Answer {
  readonly type: "answer";
  readonly status: number;
  /** Names in lower case; several headers of one name are joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** `clock.now()` when the first byte of the call was written. */
  readonly sentAt: number;
  /** `clock.now()` when the last byte of the answer was read. */
  readonly receivedAt: number;
}

/**
 * No answer. `notSent`: provably no byte of the call left, so it was not carried out. `lost`: the call was or
 * may have been sent, so it may have been carried out. The cause carries a code, never a URL, header or body.
 */
export type Unanswered =
  | { readonly type: "notSent"; readonly cause: unknown }
  | { readonly type: "lost"; readonly cause: unknown };

/** The client's side of every call. */
export interface Client {
  /** Base of user management and FHIR, e.g. `https://api.1up.health`. */
  readonly api: string;
  /** Base of the token endpoint, e.g. `https://auth.1up.health`, or `https://api.1up.health/fhir` for the older host. */
  readonly auth: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
}

class DescribedCall implements Call {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly method: Call["method"];
  readonly url: string;
  readonly template: string;
  readonly headers: Readonly<Record<string, string>>;
  declare readonly body?: string;

  constructor(call: CallFields) {
    this.name = call.name;
    this.endpoint = call.endpoint;
    this.method = call.method;
    this.url = call.url;
    this.template = call.template;
    this.headers = call.headers;
    if (call.body !== undefined) this.body = call.body;
  }

  toJSON(): { name: string; endpoint: Endpoint; method: string; template: string } {
    return { name: this.name, endpoint: this.endpoint, method: this.method, template: this.template };
  }
}

printAs(DescribedCall.prototype, ({ name, method, template }) => `Call(${name}: ${method} ${template})`);

/** What {@link describeCall} takes: a call, whose body may also be left undefined. */
export type CallFields = Omit<Call, "body"> & { readonly body?: string | undefined };

/** Makes a {@link Call} that does not leak its URL, headers and body when it is printed or serialised. */
export function describeCall(call: CallFields): Call {
  return new DescribedCall(call);
}

/** Joins a base that may end in slashes and a path that starts with one. */
export function under(base: string, path: string): string {
  let end = base.length;
  while (base[end - 1] === "/") end--;
  return base.slice(0, end) + path;
}

/** The type of every body that 1upHealth's guide sends to user management and to the token endpoint. */
export const formType = "application/x-www-form-urlencoded";

/** Fields in the form of {@link formType}, for bodies and queries. */
export function form(fields: Record<string, string>): string {
  return new URLSearchParams(fields).toString();
}
