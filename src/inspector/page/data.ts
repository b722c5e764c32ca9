/**
 * What the page gets from its server: the public types of the library, as JSON brings them.
 *
 * @module
 */
import type { BudgetView, Health, HistoryStep, Lane, UserState, UserStatus } from "../../index.ts";

/** A value after JSON: each `Date` has become an ISO string. */
export type Json<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? readonly Json<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: Json<T[Key]> }
      : T;

/** A step of a user, as it was seen. */
export interface Change {
  /** Names the user to the server, without telling its id. */
  readonly key: string;
  readonly alias: string;
  readonly from: UserState | null;
  readonly to: UserState;
  readonly event: string;
  readonly at: string;
}

/** The account and all its users in numbers. */
export interface Overview {
  readonly now: string;
  /** Where the users are stored, e.g. `lmdb`. */
  readonly store: string | null;
  readonly masked: boolean;
  readonly counts: Readonly<Partial<Record<UserState, number>>>;
  readonly total: number;
  readonly budget: Json<BudgetView>;
  /** In how many ms one more call may leave in each lane. */
  readonly forecast: Readonly<Record<Lane, number>>;
  readonly health: Json<Health>;
  /** Newest first. */
  readonly changes: readonly Change[];
}

/** A user in a list. */
export interface UserRow {
  readonly key: string;
  readonly alias: string;
  readonly appUserId: string;
  readonly state: UserState;
  readonly since: string;
  readonly usable: boolean;
  readonly expiresAt: string | null;
  readonly oneupUserId: number | null;
  readonly pause: Json<UserStatus["pause"]>;
  readonly hold: Json<UserStatus["hold"]>;
  readonly failure: UserStatus["failure"];
}

/** A page of users. */
export interface UserList {
  readonly users: readonly UserRow[];
  readonly next: string | null;
}

/** All that is known of a user but its id, where that is masked. */
export interface UserView extends UserRow {
  readonly status: Json<Omit<UserStatus, "appUserId">>;
  readonly explanation: string;
  readonly history: readonly Json<HistoryStep>[];
}

/** What all users share. */
export interface AccountView {
  readonly now: string;
  readonly health: Json<Health>;
  readonly budget: Json<BudgetView>;
  readonly keys: readonly { readonly id: string; readonly storeKeys: readonly string[] }[] | null;
  readonly version: string;
}

/** The server's answer to a request that it cannot serve. */
export class Refused extends Error {
  override name = "Refused";
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.status = status;
    this.code = code;
  }
}

/** Asks the server. Ids stand in the body, never in an address. @throws {Refused} */
export async function ask<T>(what: string, body: object, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`api/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      ...(signal && { signal }),
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw new Refused(
      0,
      "UNREACHABLE",
      "The inspector does not answer. Is its process still running?",
      error,
    );
  }
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer as T; // as the server's tests hold
  const error = (answer as { error?: { code?: string; message?: string } } | null)?.error; // the same
  throw new Refused(
    response.status,
    error?.code ?? "ERROR",
    error?.message ?? `The inspector answered ${response.status}.`,
  );
}
