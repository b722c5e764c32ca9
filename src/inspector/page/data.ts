/**
 * What the page asks its server for.
 *
 * @module
 */
import type * as shapes from "../shapes.ts";

/** The account and all its users in numbers. */
export type Overview = shapes.Wire<shapes.Overview>;
/** An import, as far as it was seen. */
export type ImportView = shapes.Wire<shapes.ImportView>;
/** The sandbox that the calls go to. */
export type SandboxView = shapes.Wire<shapes.SandboxView>;
/** A step of a user, as it was seen. */
export type Change = shapes.Wire<shapes.Change>;
/** A user in a list. */
export type UserRow = shapes.Wire<shapes.UserRow>;
/** A page of users. */
export type UserRows = shapes.Wire<shapes.UserRows>;
/** All that is known of a user, but its id where that is masked. */
export type UserView = shapes.Wire<shapes.UserView>;
/** What all users share. */
export type AccountView = shapes.Wire<shapes.AccountView>;

/** Who looks, and what that person may do. */
export type Me = shapes.Wire<shapes.Me>;
/** Something was done. */
export type Acted = shapes.Wire<shapes.Acted>;

/** The server's answer to a request that it cannot serve. */
export class Refused extends Error {
  override name = "Refused";
  readonly code: string;
  readonly status: number;
  /** What to do about it, if the server tells. */
  readonly next: string | null;

  constructor(status: number, code: string, message: string, next: string | null = null, cause?: unknown) {
    super(message, { cause });
    this.next = next;
    this.status = status;
    this.code = code;
  }
}

/** Asks the server. Ids stand in the body, never in an address. @throws {Refused} */
export async function ask<T>(
  what: string,
  body: object,
  signal?: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`api/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
      ...(signal && { signal }),
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw new Refused(
      0,
      "UNREACHABLE",
      "The inspector does not answer. Is its process still running?",
      null,
      error,
    );
  }
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer as T; // as the server's tests hold
  const error = (answer as { error?: { code?: string; message?: string; next?: string } } | null)?.error; // the same
  throw new Refused(
    response.status,
    error?.code ?? "ERROR",
    error?.message ?? `The inspector answered ${response.status}.`,
    error?.next ?? null,
  );
}

/** Does something, with a token that is asked for just before. @throws {Refused} */
export async function act(fields: object): Promise<Acted> {
  const { token } = await ask<Me>("me", {});
  return ask<Acted>("act", fields, undefined, { "x-inspector-token": token });
}

/** A name for one act, so that it is not done twice however often it is sent. */
export function newOnce(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
