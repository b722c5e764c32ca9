/**
 * Authentication of FHIR calls: a user's access token, or the client's credentials in headers with the user's number.
 *
 * @module
 */
import { untilAborted, withSignals } from "../abort.ts";
import { anObject, checkValue, invalid, kindOf, whole, type Rule } from "../checks.ts";
import { inTime, type Clock } from "../clock.ts";
import { LifecycleError } from "../errors.ts";
import { describeCall, type Call } from "../http/call.ts";
import { Secret } from "../secret.ts";
import type { Operation } from "./operation.ts";

/** Provides access tokens. */
export interface TokenSource {
  /**
   * A token that should be accepted; no promise is needed for one that is in memory. `waitMs`: how long the call can wait
   * for it.
   */
  get(signal?: AbortSignal, waitMs?: number): string | Promise<string>;
  /** Called after a 401 for this token: returns another one, or throws. Without this method a 401 ends the call. */
  rejected?(token: string, signal?: AbortSignal, waitMs?: number): Promise<string>;
  /** Called after each call that brought what was asked for with this token. */
  accepted?(token: string): void;
  /** Called after a 401 for a token that `rejected()` returned: what can be done, for the error. */
  refusedAgain?(token: string): string;
}

/** The client's credentials, and the user whose data they are used for. */
export interface ClientAccess {
  readonly clientId: string;
  readonly clientSecret: string | Secret;
  /** The user's number, or `"client"` for all users of the application, who can then be read but not written. */
  readonly oneupUserId: number | "client";
}

/** Provides the client's credentials. */
export interface ClientSource {
  get(signal?: AbortSignal): Promise<ClientAccess>;
  /** Called after a 401 for them: returns others, or throws. Without this method a 401 ends the call. */
  rejected?(access: ClientAccess, signal?: AbortSignal): Promise<ClientAccess>;
}

/** The credentials of one call. */
export interface Proof {
  /** The same call with the credentials, in its headers only. */
  on(call: Call): Call;
  /** They were refused: returns others, or `null` if there are none. */
  another(signal: AbortSignal | undefined, waitMs?: number): Promise<Proof | null>;
  /** They were accepted. */
  accepted?(): void;
  /** The error if they are refused and there are no others. */
  refused(task: Operation, status: number, tried: number): LifecycleError;
}

/** Provides the credentials of a call. `waitMs`: how long it can wait for them; by default as long as the source does. */
export type Auth = (signal: AbortSignal | undefined, waitMs?: number) => Proof | Promise<Proof>;

const aToken: Rule = {
  must: "a text without spaces",
  holds: (one) => typeof one === "string" && /^\S+$/.test(one),
};

/** Waits for credentials. */
export type Wait = <T>(asked: Promise<T>, signal: AbortSignal | undefined, waitMs?: number) => Promise<T>;

/** A source that keeps to `waitMs` by itself may end so much later, ms: its error tells more. */
const laterMs = 1_000;

/**
 * Waits that end with their caller's signal, with `ending`, or with `waitMs`: a source of an application may know nothing
 * of them.
 */
export function waitsWithin(clock: Clock, ending: AbortSignal): Wait {
  return (asked, signal, waitMs = Infinity) => {
    const none = `Cannot call 1upHealth: no credentials came within ${Math.round(waitMs)} ms`;
    const late = (): LifecycleError => new LifecycleError("UNAVAILABLE", none, { retryable: true });
    const timed = waitMs === Infinity ? asked : inTime(clock, waitMs + laterMs, () => asked, late);
    return withSignals(signal, ending, (signal) => untilAborted(signal, timed));
  };
}

/** Authenticates as a user. */
export function withTokens(tokens: TokenSource, wait: Wait): Auth {
  const newProof = (token: string): Proof => ({
    on: withHeaders({ authorization: `Bearer ${token}` }),
    async another(signal, waitMs) {
      if (tokens.rejected === undefined) return null;
      const other = await wait(tokens.rejected(token, signal, waitMs), signal, waitMs);
      return other === token ? null : proof(other);
    },
    ...(tokens.accepted !== undefined && { accepted: () => tokens.accepted?.(token) }),
    refused(task, status, tried) {
      if (tried === 1) return refusal("FHIR_REFUSED", task, "does not accept the access token", status);
      const todo = tokens.refusedAgain?.(token);
      return refusal("FHIR_REFUSED", task, "accepted neither of two access tokens", status, todo);
    },
  });
  let latest: { readonly token: string; readonly proof: Proof } | undefined;
  function proof(token: string): Proof {
    if (latest === undefined || latest.token !== token) {
      checkValue("call 1upHealth", "the token that token.get() or token.rejected() returns", token, aToken);
      latest = { token, proof: newProof(token) };
    }
    return latest.proof;
  }
  return (signal, waitMs) => {
    const token = tokens.get(signal, waitMs);
    return typeof token === "string"
      ? proof(token)
      : wait(Promise.resolve(token), signal, waitMs).then(proof);
  };
}

const aUserNumber: Rule = {
  must: `${whole(1).must}, or "client"`,
  holds: (one) => one === "client" || whole(1).holds(one),
};

/**
 * The headers for the client's credentials. Without a user's number the server would choose which data they open.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 */
function clientHeaders(access: ClientAccess): Readonly<Record<string, string>> {
  const verb = "call 1upHealth";
  const source = "client.get() or client.rejected() returns";
  const { clientId, clientSecret, oneupUserId } = checkValue(verb, `what ${source}`, access, anObject);
  const visible = (name: string, value: unknown): string => {
    if (typeof value === "string" && /^[\x21-\x7e]+$/.test(value)) return value;
    // It may be a secret, so the message gives only its kind.
    const kind = typeof value === "string" ? "another text" : kindOf(value);
    throw invalid(verb, `the ${name} that ${source} must be visible ASCII text without spaces`, kind);
  };
  return {
    client_id: visible("clientId", clientId),
    client_secret: visible(
      "clientSecret",
      clientSecret instanceof Secret ? clientSecret.reveal() : clientSecret,
    ),
    "x-oneup-user-id": String(checkValue(verb, `the oneupUserId that ${source}`, oneupUserId, aUserNumber)),
  };
}

/** Authenticates as the client. */
export function asClient(source: ClientSource, wait: Wait): Auth {
  const proof = (access: ClientAccess): Proof => ({
    on: withHeaders(clientHeaders(access)),
    async another(signal) {
      return source.rejected === undefined
        ? null
        : proof(await wait(source.rejected(access, signal), signal));
    },
    refused: (task, status) =>
      refusal("CREDENTIALS_REFUSED", task, "does not accept the client id and secret for this user", status),
  });
  return async (signal, waitMs) => proof(await wait(source.get(signal), signal, waitMs));
}

/** Adds headers to calls. Those of one kind of call are joined once. */
function withHeaders(added: Readonly<Record<string, string>>): (call: Call) => Call {
  const joined = new WeakMap<Call["headers"], Call["headers"]>();
  return (call) => {
    let headers = joined.get(call.headers);
    if (headers === undefined) {
      headers = Object.freeze({ ...call.headers, ...added });
      joined.set(call.headers, headers);
    }
    return describeCall(call, headers);
  };
}

function refusal(
  code: "FHIR_REFUSED" | "CREDENTIALS_REFUSED",
  task: Operation,
  which: string,
  status: number,
  todo?: string,
): LifecycleError {
  const then = todo === undefined ? "" : `; ${todo}`;
  return new LifecycleError(code, `Cannot ${task.words}: 1upHealth ${which} (${status})${then}`, { status });
}
