/**
 * Prints the calls that reach the sandbox, one per line.
 *
 * @module
 */
import type { JournalEntry } from "../../sandbox/index.ts";
import type { Paint } from "../paint.ts";
import { escapeControl } from "../escape-control.ts";

/** One call. */
export function describeEntry(
  { n, at, call, status, outcome, appUserId, fault }: JournalEntry,
  paint: Paint,
): string {
  const time = new Date(at).toISOString().slice(11, 19);
  const tone = status === "dropped" || status >= 400 ? paint.bad : status >= 300 ? paint.busy : paint.good;
  const user = appUserId === undefined ? "" : escapeControl(appUserId);
  const line = columns(String(n), time, call, tone(String(status).padEnd(statusWidth)), outcome, user);
  return fault === undefined ? line : `${line} ${paint.busy(`(${fault})`)}`;
}

const statusWidth = 7;

/** The column titles. */
export const callTitle: string = columns("#", "time", "call", "status", "outcome", "user");

type Cells = readonly [n: string, time: string, call: string, status: string, outcome: string, user: string];

function columns(...[n, time, call, status, outcome, user]: Cells): string {
  return `  ${n.padStart(4)}  ${time.padEnd(8)}  ${call.padEnd(15)} ${status.padEnd(statusWidth)} ${outcome.padEnd(13)} ${user}`.trimEnd();
}
