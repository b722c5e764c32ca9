/** Scripted faults: what should go wrong, on which call, how often. */

import { LifecycleError } from "../errors.ts";
import { type CallName, callNames } from "./plan.ts";

/**
 * One scripted fault. At most one of `status`, `drop` and `omit`; `delayMs` alone or with any of them.
 *
 * ```ts
 * sandbox.fail({ call: "createUser", status: 500, commit: true });  // created, but the answer says 500
 * sandbox.fail({ call: "refreshToken", drop: "after" });            // rotated, and nobody hears of it
 * sandbox.fail({ call: "issueAuthCode", omit: ["code"] });          // 200 without a code
 * ```
 */
export interface Fault {
  /** Which call. @default "*" (any) */
  readonly call?: CallName | "*";
  /** Only calls for this user. @default any */
  readonly appUserId?: string;
  /** How many matching calls it hits. @default 1 */
  readonly times?: number;
  /** How many matching calls it lets pass first. @default 0 */
  readonly skip?: number;
  /** Replaces the answer: its status, 200 to 599. */
  readonly status?: number;
  /** Body of the replaced answer: a string as it is, anything else as JSON. @default an empty body */
  readonly body?: unknown;
  /** Headers of the replaced answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Is the call carried out before the answer is replaced? @default false */
  readonly commit?: boolean;
  /** Cuts the connection: before the call is carried out, after it, or (after it) in the middle of the body. */
  readonly drop?: "before" | "after" | "body";
  /** Real milliseconds to wait. */
  readonly delayMs?: number;
  /** Waits before the call is carried out, or between that and the answer. @default "before" */
  readonly delay?: "before" | "after";
  /** Fields to leave out of a JSON answer, e.g. `code`, `expires_in`, `refresh_token`, `scope`. */
  readonly omit?: readonly string[];
}

/** The faults that wait for their call, in order. */
export class Faults {
  #waiting: { readonly fault: Fault; skip: number; times: number }[] = [];

  /** @throws {LifecycleError} `INVALID_OPTION` */
  add(fault: Fault): void {
    checkFault(fault);
    this.#waiting.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 });
  }

  clear(): void {
    this.#waiting = [];
  }

  /** Uses up the first fault that hits this call. */
  match(call: CallName, appUserId: string | undefined): Fault | undefined {
    for (const waiting of this.#waiting) {
      const { fault } = waiting;
      if (fault.call !== undefined && fault.call !== "*" && fault.call !== call) continue;
      if (fault.appUserId !== undefined && fault.appUserId !== appUserId) continue;
      if (waiting.skip > 0) {
        waiting.skip -= 1;
        continue;
      }
      waiting.times -= 1;
      if (waiting.times <= 0) this.#waiting = this.#waiting.filter((other) => other !== waiting);
      return fault;
    }
    return undefined;
  }
}

/** A fault in words, for the journal: "500 after commit", "dropped before", "without code". */
export function describeFault(fault: Fault): string {
  const words: string[] = [];
  if (fault.status !== undefined) words.push(`${fault.status} ${fault.commit ? "after commit" : "instead"}`);
  if (fault.drop !== undefined)
    words.push(fault.drop === "body" ? "cut in the body" : `dropped ${fault.drop}`);
  if (fault.omit !== undefined) words.push(`without ${fault.omit.join(", ")}`);
  if (fault.delayMs !== undefined) words.push(`delayed ${fault.delayMs} ms ${fault.delay ?? "before"}`);
  return words.join(", ");
}

function checkFault(fault: Fault): void {
  const { call = "*", appUserId, times = 1, skip = 0, status, drop, delayMs, delay, omit } = fault;
  const effects = [status, drop, omit].filter((one) => one !== undefined).length;
  if (call !== "*" && !callNames.includes(call)) throw refuse("call", "the name of a call, or *", call);
  if (appUserId !== undefined && typeof appUserId !== "string")
    throw refuse("appUserId", "a string", appUserId);
  if (!(times >= 1)) throw refuse("times", "at least 1", times);
  if (!(skip >= 0)) throw refuse("skip", "at least 0", skip);
  if (status !== undefined && !(Number.isInteger(status) && status >= 200 && status <= 599)) {
    throw refuse("status", "a whole number from 200 to 599", status);
  }
  if (drop !== undefined && !["before", "after", "body"].includes(drop)) {
    throw refuse("drop", "before, after or body", drop);
  }
  if (delayMs !== undefined && !(Number.isFinite(delayMs) && delayMs >= 0)) {
    throw refuse("delayMs", "a finite number from 0", delayMs);
  }
  if (delay !== undefined && delay !== "before" && delay !== "after") {
    throw refuse("delay", "before or after", delay);
  }
  if (omit !== undefined && !(Array.isArray(omit) && omit.length > 0)) {
    throw refuse("omit", "a list of field names", omit);
  }
  if (effects > 1 || (effects === 0 && delayMs === undefined)) {
    throw refuse("a fault", "one of status, drop and omit, or have a delayMs", `${effects} of them`);
  }
}

function refuse(name: string, rule: string, value: unknown): LifecycleError {
  return new LifecycleError(
    "INVALID_OPTION",
    `Cannot script the fault: ${name} must be ${rule}, got ${String(value)}`,
  );
}
