/**
 * Formats users and their states for the commands, and escapes texts for a terminal.
 *
 * @module
 */
import { stripVTControlCharacters } from "node:util";
import type {
  AccountPause,
  BudgetView,
  Counts,
  RefusedSecret,
  ShutGate,
  UserState,
  UserStatus,
} from "../index.ts";
import { lanes } from "../store/contract.ts";
import { total } from "../store/lane-scheduler.ts";
import { callOf } from "../runtime/user/step.ts";
import { distanceInWords, spanInWords, timeInWords } from "../runtime/options/time-in-words.ts";
import type { Given } from "./command.ts";
import { type Paint, wrappedFor } from "./screen.ts";

/** The colour of each state: good, in progress, recovered, failed or over. */
export const toneOf: Readonly<Record<UserState, keyof Paint>> = {
  tokenActive: "good",
  refreshed: "good",
  reauthorized: "saved",
  created: "busy",
  codeIssued: "busy",
  expiring: "busy",
  reauthorizing: "busy",
  locating: "busy",
  renaming: "busy",
  renameInDoubt: "busy",
  identifying: "busy",
  offboarding: "busy",
  failed: "bad",
  offboarded: "quiet",
};

/** A bar of `length` columns that shows how much of a whole is used. */
export function bar(part: number, of: number, length: number, paint: Paint): string {
  const full = part === 0 ? 0 : Math.max(1, Math.round((Math.min(part, of) / of) * length));
  return "━".repeat(full) + paint.quiet("─".repeat(length - full));
}

/** Prints one JSON object on a line. */
export function printJson(data: unknown): void {
  console.log(JSON.stringify(data));
}

/** Prints a result: as JSON with `--json`, else as lines, of which prose is wrapped and an indented one stays as it is. */
export function print({ switches }: Pick<Given, "switches">, data: unknown, lines: readonly string[]): void {
  const prose = (line: string): readonly string[] =>
    stripVTControlCharacters(line).startsWith(" ") ? [line] : wrappedFor(process.stdout, line);
  for (const line of switches.has("json") ? [JSON.stringify(data)] : lines.flatMap(prose)) console.log(line);
}

/** What the user waits for: `rateLimit 12 min`, or its turn; the call in flight, `createUser?`; or nothing. */
export function waitOf({ pause, state, underWay }: UserStatus, now: number): string {
  if (underWay !== null) return `${underWay}?`;
  if (pause === null) return callOf(state) === undefined ? "" : "its turn";
  const left = (pause.until?.getTime() ?? now) - now;
  return left <= 0 ? pause.reason : `${pause.reason} ${spanInWords(left)}`;
}

/** `interactive 3 · recovery 0 · bulk 268`. */
export function byLane(counts: Counts): string {
  return lanes.map((lane) => `${lane} ${number(counts[lane])}`).join(" · ");
}

/** `1,204`. */
export function number(count: number): string {
  return count.toLocaleString("en-US");
}

/** `1 call`, `1,204 calls`. */
export function plural(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** A closed gate: `exchange is throttled (unavailable); next try in 2 min`. */
export function gateLine({ gate, state, reason, until }: ShutGate, now: number): string {
  const why = reason === null || reason === state ? "" : ` (${reason})`;
  return `${gate} is ${state}${why}; ${state === "probing" ? "one call is trying" : nextTry(until, now)}`;
}

/** `secret of another process is refused; next try in 2 min` */
export function secretLine({ until }: RefusedSecret, now: number): string {
  return `secret of another process is refused; ${nextTry(until, now)}`;
}

function nextTry(until: Date, now: number): string {
  const isDue = until.getTime() <= now;
  return `next try ${isDue ? `due since ${timeInWords(until)}, waits for a worker` : distanceInWords(until, now)}`;
}

/** Who did something, if that was named: `, by ada`. */
export function byWhom(by: string | null): string {
  return by === null ? "" : `, by ${escapeControl(by)}`;
}

/** A pause of the account: `all management calls until …: "the operator's words"`. */
export function pauseLine({ lane, reason, until, by }: AccountPause, now: number): string {
  const end = until === null ? "" : `, ends ${distanceInWords(until, now)}`;
  return `${lane === null ? "all management calls" : `lane ${lane}`}${end}${byWhom(by)}: ${escapeControl(reason)}`;
}

/**
 * Users on their way to a token, or being offboarded, that wait in no lane: their call is in flight, they wait for a
 * time, or a stopped import holds them for a while. Computed from counts; reads no record.
 */
export function waitingUsers({ users, waiting }: Pick<BudgetView, "users" | "waiting">): number {
  const states = Object.entries(users) as [UserState, number][]; // its keys
  const onTheirWay = states.filter(([state]) => state !== "expiring" && callOf(state) !== undefined); // expiring users still have a token
  const all = onTheirWay.reduce((sum, [, count]) => sum + count, 0);
  return Math.max(0, all - total(waiting));
}

/** A text that comes from outside: escapes the control characters with which one could manipulate the terminal. Of an id, `visibleId()` shows more. */
export function escapeControl(text: string): string {
  return text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (one) => {
    return `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
