/** The calls that reached the sandbox, in the order in which they were carried out, with secrets masked. */

import { createHash } from "node:crypto";
import { among, checkValue } from "../checks.ts";
import { type CallName, callNames, kindOf, type Secrets } from "./base/plan.ts";

/** One call. Control calls (`/_sandbox/…`) are not recorded. */
export interface JournalEntry {
  /** Counts from 1, in the order in which calls were carried out. */
  readonly n: number;
  /** When the call arrived, in milliseconds of the sandbox's clock. */
  readonly at: number;
  readonly call: CallName;
  readonly method: string;
  /** Path and query; values that may be sensitive are shown as `…`. */
  readonly path: string;
  /** The user's id, also where the call names only its 1upHealth user; of a rename the new id. */
  readonly appUserId?: string;
  readonly oneupUserId?: number;
  /** Status of the response; `dropped` if the connection was cut. */
  readonly status: number | "dropped";
  /**
   * One word: `created`, `exists`, `missing`, `code`, `listed`, `renamed`, `tokens`, `rate_limited`, `unauthorized`,
   * `invalid`, an OAuth2 error (`invalid_grant`, …), `read`, `found`, `lagging` (a read that came before the read lag was over), `updated`, `deleted`, `shared`, `unshared`,
   * `purged`, `cut`, `unknown`; `fault` when a fault replaced the call.
   */
  readonly outcome: string;
  /** Whether the call was carried out as asked (a write: whether the data changed), whatever the response. */
  readonly committed: boolean;
  /** Description of the scripted fault that hit the call. */
  readonly fault?: string;
  /** Short fingerprints of presented and `issued…` secrets: equal fingerprints mean the same secret. */
  readonly secrets: Secrets;
}

/**
 * The recorded calls, and queries for tests.
 *
 * @example
 * ```ts
 * import { createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle, sandbox } = await createTestLifecycle();
 * await lifecycle.onboard("ada");
 * console.log(sandbox.journal.spent()); // { management: 1, token: 1, fhir: 0 }
 * console.log(sandbox.journal.count("createUser"), sandbox.journal.createdTwice()); // 1 []
 * console.log(sandbox.journal.mostInWindow(3_600_000)); // 1
 * for (const { call, outcome } of sandbox.journal.entries()) console.log(call, outcome);
 * sandbox.journal.clear();
 * ```
 */
export interface Journal {
  /** All entries, oldest first. */
  entries(): readonly JournalEntry[];
  /** The number of calls, or of calls of one name. @throws {LifecycleError} `INVALID_OPTION` for an unknown name */
  count(call?: CallName): number;
  /** Removes all entries and restarts the count at 1. The quota stays. */
  clear(): void;
  /**
   * The app user ids with a `POST /user` after an earlier one had created the user, whatever the response was. Follows
   * renames.
   */
  createdTwice(): string[];
  /**
   * The most management calls that arrived in any rolling window of `windowMs` milliseconds, including refused calls, but
   * not those of other clients, see {@link Sandbox.spend}. Two calls exactly `windowMs` apart are not in one window.
   */
  mostInWindow(windowMs: number): number;
  /** The number of calls per endpoint. */
  spent(): { readonly management: number; readonly token: number; readonly fhir: number };
}

/** The writable journal. */
export class WrittenJournal implements Journal {
  #entries: JournalEntry[] = [];

  /** Records a call; masks its `secrets` first. */
  add(entry: Omit<JournalEntry, "n">): void {
    this.#entries.push({ n: this.#entries.length + 1, ...entry, secrets: mask(entry.secrets) });
  }

  entries(): readonly JournalEntry[] {
    return [...this.#entries];
  }

  count(call?: CallName): number {
    if (call === undefined) return this.#entries.length;
    checkValue("count calls", "the call", call, among(...callNames));
    return this.#entries.filter((entry) => entry.call === call).length;
  }

  clear(): void {
    this.#entries = [];
  }

  createdTwice(): string[] {
    const created = new Set<string>();
    const names = new Map<number, string>();
    const twice = new Set<string>();
    for (const { call, appUserId, oneupUserId, committed } of this.#entries) {
      if (appUserId === undefined) continue;
      if (call === "createUser" && created.has(appUserId)) twice.add(appUserId);
      if (!committed || oneupUserId === undefined) continue;
      const former = names.get(oneupUserId);
      if (call === "createUser" || (call === "updateUser" && former !== undefined)) {
        if (former !== undefined) created.delete(former);
        created.add(appUserId);
        names.set(oneupUserId, appUserId);
      }
    }
    return [...twice];
  }

  mostInWindow(windowMs: number): number {
    const times = this.#entries.filter(({ call }) => kindOf(call) === "management").map(({ at }) => at);
    times.sort((a, b) => a - b);
    let most = 0;
    let first = 0;
    for (const [last, at] of times.entries()) {
      while ((times[first] ?? at) <= at - windowMs) first += 1;
      most = Math.max(most, last - first + 1);
    }
    return most;
  }

  spent(): { readonly management: number; readonly token: number; readonly fhir: number } {
    const spent = { management: 0, token: 0, fhir: 0 };
    for (const { call } of this.#entries) {
      const kind = kindOf(call);
      if (kind !== undefined) spent[kind] += 1;
    }
    return spent;
  }
}

const harmless = new Set(["app_user_id", "oneup_user_id", "skip", "limit"]);
const harmlessFhir = new Set(["_count", "_skip", "_after", "_before", "_id", "id", "_sort", "_lastUpdated"]);

/** Path and query for the journal: only values known to be harmless are shown. */
export function maskPath(path: string, query: string): string {
  if (query === "") return path;
  const shown = [...new URLSearchParams(query)].map(([name, value]) => {
    const known = harmless.has(name) || harmlessFhir.has(name);
    return `${encodeURIComponent(name)}=${known ? encodeURIComponent(value) : "…"}`;
  });
  return `${path}?${shown.join("&")}`;
}

function mask(secrets: Secrets): Secrets {
  const all = Object.entries(secrets);
  return Object.fromEntries(all.map(([name, secret]) => [name, fingerprint(name, secret)]));
}

function fingerprint(name: string, secret: string): string {
  const kind = name.replace("issued", "").toLowerCase();
  return `${kind}:${createHash("sha256").update(secret).digest("hex").slice(0, 12)}…`;
}
