/**
 * The description of a call to 1upHealth, and its possible outcomes.
 *
 * @module
 */
import { printAs, type Secret } from "../secret.ts";

/** 1upHealth's three endpoints. Limits and throttling apply per endpoint. */
export type Endpoint = "management" | "token" | "fhir";

/** One HTTP call. It contains secrets, so it prints and serialises without its URL, headers and body. */
export interface Call {
  /** The operation, for spans and the journal: `createUser`, `exchangeCode`, … */
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Absolute, including the query. */
  readonly url: string;
  /** The path without ids and query, for `url.template`: `/dstu2/Patient/{id}`. */
  readonly template: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** An answer from 1upHealth, not interpreted yet. */
export interface Answer {
  readonly type: "answer";
  readonly status: number;
  /** Names in lower case; repeated headers are joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The JSON value of `text`, if it has been parsed. */
  readonly json?: unknown;
  /** `clock.now()` when the first byte of the call was written. */
  readonly sentAt: number;
  /** `clock.now()` when the last byte of the answer was read. */
  readonly receivedAt: number;
  /** True if JavaScript would print every number in the JSON body unchanged; missing if not checked. */
  readonly isExact?: boolean;
  /**
   * For a 429: how long such calls are held back locally, counted from `receivedAt`, ms; if missing, the answer's own
   * value.
   */
  readonly heldMs?: number;
}

/**
 * No answer. `notSent`: provably no byte left, so the call was not carried out. `lost`: the call was or may have been
 * sent, so it may have been carried out. The cause contains a code, never a URL, header or body.
 */
export type Unanswered =
  | { readonly type: "notSent"; readonly cause: unknown }
  | { readonly type: "lost"; readonly cause: unknown };

/** How a call is sent. */
export interface SendOptions {
  /** Aborts the wait. See `Sender.send` for the effect on the call. */
  readonly signal?: AbortSignal | undefined;
  /** Latest `clock.monotonic()` at which the call may leave; checked in the same tick as the write. */
  readonly notAfter?: number | undefined;
  /** Whether it is too late to send it, checked likewise. */
  readonly isOver?: (() => boolean) | undefined;
  /** Time limit of the call, ms, in place of the sender's. */
  readonly withinMs?: number | undefined;
  /**
   * Called with the text of a response with status 200, before it is scanned and parsed. True: it has begun another call,
   * which should leave first.
   */
  readonly onText?: ((text: string) => boolean) | undefined;
  /**
   * The server was chosen by another one, and is not 1upHealth: only a public address may be called, as far as the transport
   * can tell, and the outcome shows nothing about an endpoint.
   */
  readonly publicOnly?: boolean | undefined;
}

/** The client's data for every call. */
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

  constructor(call: CallFields, headers: Call["headers"]) {
    this.name = call.name;
    this.endpoint = call.endpoint;
    this.method = call.method;
    this.url = call.url;
    this.template = call.template;
    this.headers = headers;
    if (call.body !== undefined) this.body = call.body;
  }

  toJSON(): { name: string; endpoint: Endpoint; method: string; template: string } {
    return { name: this.name, endpoint: this.endpoint, method: this.method, template: this.template };
  }
}

printAs(DescribedCall.prototype, ({ name, method, template }) => `Call(${name}: ${method} ${template})`);

/** The parameter of {@link describeCall}: a call whose body may be undefined. */
export type CallFields = Omit<Call, "body"> & { readonly body?: string | undefined };

/**
 * Makes a {@link Call} that does not leak its URL, headers and body when it is printed or serialised. `headers`: instead
 * of those of the given call.
 */
export function describeCall(call: CallFields, headers: Call["headers"] = call.headers): Call {
  return new DescribedCall(call, headers);
}

/** Joins a base, which may end in slashes, and a path that starts with one. */
export function under(base: string, path: string): string {
  let end = base.length;
  while (base[end - 1] === "/") end--;
  return base.slice(0, end) + path;
}

/** The content type that 1upHealth's guide uses for user management and for the token endpoint. */
export const formType = "application/x-www-form-urlencoded";

/** Encodes fields, by name or in a list, as {@link formType}, for bodies and queries. */
export function form(fields: Record<string, string> | string[][]): string {
  return new URLSearchParams(fields).toString();
}
