/**
 * Formats a user's history for failed assertions.
 *
 * @module
 */
import type { HistoryStep } from "../runtime/user/history-of.ts";
import type { UserStatus } from "../runtime/user/user-status.ts";
import { spanInFull } from "../runtime/options/time-in-words.ts";
import type { JournalEntry } from "../sandbox/journal.ts";

/**
 * The steps of a user, oldest first, each with the time since the previous one, and what the user waits for.
 *
 * ```text
 *   2026-01-01 00:00:00  created        ONBOARD
 *                 +0 ms  codeIssued     USER_CREATED
 *               +30 min  reauthorizing  CODE_REFUSED
 *                        waits: rateLimit, for attempt 2, until 2026-01-01 01:00:00
 * ```
 */
export function timeline(status: UserStatus): string {
  const steps = wayOf(status).map(({ at, to, event }) => ({ at: at.getTime(), cells: [to, event] }));
  return lines(steps, notesOf(status));
}

/** The same for calls of the sandbox's journal. */
export function timelineOf(entries: readonly JournalEntry[]): string {
  const steps = entries.map(({ at, call, appUserId = "", outcome, fault }) => ({
    at,
    cells: [call, appUserId, fault === undefined ? outcome : `${outcome} (${fault})`],
  }));
  return steps.length === 0 ? "  no calls" : lines(steps, []);
}

/** A user's steps up to now. That a token entered its refresh window is stored only when it is refreshed. */
export function wayOf(status: UserStatus): readonly Pick<HistoryStep, "at" | "to" | "event">[] {
  const { history, state, since } = status;
  const isWritten = history.length === 0 || history.at(-1)?.to === state;
  return isWritten ? history : [...history, { at: since, to: state, event: "by age" }];
}

interface Line {
  readonly at: number;
  readonly cells: readonly string[];
}

function lines(steps: readonly Line[], notes: readonly string[]): string {
  const whens = steps.map(({ at }, index) => since(at, steps[index - 1]?.at));
  const widest = Math.max(0, ...whens.map((when) => when.length));
  const columns = Math.max(0, ...steps.map(({ cells }) => cells.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...steps.map(({ cells }) => (cells[column] ?? "").length)),
  );
  const rows = steps.map(({ cells }, index) => {
    const shown = cells.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    return `  ${(whens[index] ?? "").padStart(widest)}  ${shown.join("  ")}`.trimEnd();
  });
  return [...rows, ...notes.map((note) => `  ${" ".repeat(widest)}  ${note}`)].join("\n");
}

/** The first time in full, later ones as the difference. */
function since(at: number, before: number | undefined): string {
  if (before === undefined) return moment(new Date(at));
  return at < before ? `-${spanInFull(before - at)}` : `+${spanInFull(at - before)}`;
}

function notesOf({ pause, failure, underWay, conflict }: UserStatus): readonly string[] {
  const notes: string[] = [];
  if (underWay !== null) notes.push(`in flight: ${underWay}`);
  if (pause !== null)
    notes.push(
      `waits: ${pause.reason}, for attempt ${pause.attempt}, until ${pause.until === null ? "an operator lets it go on" : moment(pause.until)}`,
    );
  if (failure !== null) notes.push(`failed in ${failure.in}: ${failure.reason} (${failure.why})`);
  if (conflict !== null) notes.push(`conflict: ${conflict}`);
  return notes;
}

/** In UTC, to the second. */
function moment(at: Date): string {
  return at.toISOString().slice(0, 19).replace("T", " ");
}
