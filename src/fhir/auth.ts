/**
 * What proves who calls: a user's access token, or the client's credentials in headers with the user's number.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import { describeCall, type Call } from "../http/call.ts";
import { Secret } from "../secret.ts";
import type { Task } from "./task.ts";

/** Where access tokens come from. */
export interface TokenSource {
  /** A token that should be accepted. */
  get(signal?: AbortSignal): Promise<string>;
  /** This token was answered with a 401: gives another one, or throws. Without it a 401 ends the call. */
  rejected?(token: string, signal?: AbortSignal): Promise<string>;
}

/** The client's credentials, and whose data they are used for. */
export interface ClientAccess {
  readonly clientId: string;
  readonly clientSecret: string | Secret;
  /** The user's number, or `"client"` for all users of the application, who can then be read and not written. */
  readonly oneupUserId: number | "client";
}

/** Where the client's credentials come from. */
export interface ClientSource {
  get(signal?: AbortSignal): Promise<ClientAccess>;
  /** They were answered with a 401: gives others, or throws. Without it a 401 ends the call. */
  rejected?(access: ClientAccess, signal?: AbortSignal): Promise<ClientAccess>;
}

/** A proof in hand. */
export interface Proof {
  /** The same call with the proof, in headers and nowhere else. */
  on(call: Call): Call;
  /** It was not accepted: another one, or `null` if there is none. */
  another(signal: AbortSignal | undefined): Promise<Proof | null>;
  /** The error when it is not accepted and there is no other. */
  refused(task: Task, status: number, tried: number): LifecycleError;
}

/** Gives proofs. */
export type Access = (signal: AbortSignal | undefined) => Promise<Proof>;

/** In the name of a user. */
export function withTokens(tokens: TokenSource): Access {
  const proof = (token: string): Proof => ({
    on: (call) => withHeaders(call, { authorization: `Bearer ${token}` }),
    async another(signal) {
      return tokens.rejected === undefined ? null : proof(await tokens.rejected(token, signal));
    },
    refused(task, status, tried) {
      const which = tried > 1 ? "accepted neither of two access tokens" : "does not accept the access token";
      return refusal("FHIR_REFUSED", task, which, status);
    },
  });
  return async (signal) => proof(await tokens.get(signal));
}

/** In the name of the client. */
export function asClient(source: ClientSource): Access {
  const proof = (access: ClientAccess): Proof => ({
    on(call) {
      const { clientId, clientSecret, oneupUserId } = access;
      return withHeaders(call, {
        client_id: clientId,
        client_secret: clientSecret instanceof Secret ? clientSecret.reveal() : clientSecret,
        "x-oneup-user-id": String(oneupUserId),
      });
    },
    async another(signal) {
      return source.rejected === undefined ? null : proof(await source.rejected(access, signal));
    },
    refused: (task, status) =>
      refusal("CREDENTIALS_REFUSED", task, "does not accept the client id and secret for this user", status),
  });
  return async (signal) => proof(await source.get(signal));
}

function withHeaders(call: Call, headers: Readonly<Record<string, string>>): Call {
  return describeCall({ ...call, headers: { ...call.headers, ...headers } });
}

function refusal(
  code: "FHIR_REFUSED" | "CREDENTIALS_REFUSED",
  task: Task,
  which: string,
  status: number,
): LifecycleError {
  return new LifecycleError(code, `Cannot ${task.words}: 1upHealth ${which} (${status})`, { status });
}
