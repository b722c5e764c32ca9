/**
 * The checks of a user and of the calls it cost: one implementation for assertions and matchers. A failed one shows the
 * user's history.
 *
 * @module
 */
import type { UserState } from "../../machines/index.ts";
import type { LifecycleError } from "../errors.ts";
import { among, checkValue, invalid, isObject, whole } from "../checks.ts";
import type { UserStatus } from "../runtime/user/user-status.ts";
import { userStates } from "../runtime/user/step.ts";
import { keptSteps } from "../runtime/user/user.ts";
import type { Journal, JournalEntry } from "../sandbox/journal.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { secretsIn } from "./secrets-in.ts";
import { spanInFull } from "../runtime/options/time-in-words.ts";
import { isPromise } from "../realms.ts";

/** Calls by endpoint. Omitted endpoints are not checked. */
export interface SpentCalls {
  readonly management?: number;
  readonly token?: number;
  /** Counted by the sandbox only. */
  readonly fhir?: number;
}

/** Whose calls are counted: those of a user, or all that reached the sandbox. */
export type Spender = Pick<UserStatus, "calls"> | Sandbox | Journal;

/** Result of a check. `message` returns the failure message, for the plain or the negated check. */
export interface Checked {
  readonly holds: boolean;
  /** It does not hold as far as is known, and may have held before: the negated check fails. @default false */
  readonly isUnsure?: boolean;
  readonly message: (negated: boolean) => string;
  readonly actual: unknown;
  readonly expected: unknown;
}

/** Whether the user is in `state`. */
export function inState(given: unknown, state: UserState): Checked {
  const status = statusOf(given);
  checkState(state);
  return {
    holds: status.state === state,
    message: told(ofUser(status), `be in state ${state}`, `it is in ${status.state}`),
    actual: status.state,
    expected: state,
  };
}

/** Whether the user passed through these states in this order, possibly with others between. */
export function visited(given: unknown, states: readonly UserState[]): Checked {
  const status = statusOf(given);
  checkStates(states);
  const been = wayOf(status)
    .map(({ to }) => to)
    .filter((state, at, all) => state !== all[at - 1]);
  let met = 0;
  for (const state of been) if (state === states[met]) met++;
  const after = met === 0 ? "" : `after ${states[met - 1]} `;
  const missed = states[met];
  const what = `have visited ${states.join(" → ")}`;
  const isUnsure = missed !== undefined && status.history.length >= keptSteps;
  const message = told(ofUser(status), what, `${after}it did not reach ${missed}`);
  const older = `only the last ${keptSteps} steps are stored, so an earlier one may have been in ${missed}`;
  return {
    holds: missed === undefined,
    isUnsure,
    message: (negated) =>
      isUnsure
        ? message(negated).replace("\n\n", `${negated ? ", but" : ";"} ${older}\n\n`)
        : message(negated),
    actual: been,
    expected: states,
  };
}

/** Whether exactly that many calls were made. A number means management calls, of which the account has 300 an hour. */
export function spentCalls(given: unknown, calls: number | SpentCalls): Checked {
  const spender = spenderOf(given);
  const wanted = countsIn(calls, Object.keys(spender.calls));
  const spent = new Map(Object.entries(spender.calls));
  const actual = Object.fromEntries(wanted.map(([name]) => [name, spent.get(name)]));
  const list = (counts: readonly (readonly [string, number | undefined])[]): string => {
    const noun = counts.length === 1 && counts[0]?.[1] === 1 ? "call" : "calls";
    return `${counts.map(([name, count]) => `${count} ${name}`).join(", ")} ${noun}`;
  };
  return {
    holds: wanted.every(([name, count]) => spent.get(name) === count),
    message: told(spender, `have spent ${list(wanted)}`, `it has spent ${list(Object.entries(actual))}`),
    actual,
    expected: Object.fromEntries(wanted),
  };
}

/** Whether `value` contains no secret of the sandbox. See {@link secretsIn}. */
export function noSecrets(value: unknown, sandbox?: Sandbox): Checked {
  const found = secretsIn(value, sandbox);
  const list = found.map(({ name, around }) => `  ${name}: ${around}`).join("\n");
  return {
    holds: found.length === 0,
    message: (negated) =>
      negated ? "Expected to find a secret" : `Expected to find no secret, but found\n\n${list}`,
    actual: found.map(({ name }) => name),
    expected: [],
  };
}

/** A misspelt state never matches, so that `.not` would always pass. */
function checkState(state: unknown): void {
  checkValue("check this", "a state", String(state), among(...userStates));
}

function checkStates(states: unknown): void {
  if (Array.isArray(states) && states.length > 0) return states.forEach(checkState);
  const got = Array.isArray(states) ? "an empty one" : shown(states);
  throw invalid("check this", `states must be a list of some of ${userStates.join(", ")}`, got);
}

/** The number of calls of each known kind. */
function countsIn(calls: unknown, known: readonly string[]): readonly (readonly [string, number])[] {
  const asked: unknown = typeof calls === "number" ? { management: calls } : calls;
  const counts = Object.entries(isObject(asked) ? asked : {}).filter(([, count]) => count !== undefined);
  const unknown = counts.find(([name]) => !known.includes(name))?.[0];
  if (unknown !== undefined || counts.length === 0) {
    const rule = `calls must be a number or some of { ${known.join(", ")} }`;
    const got = unknown ?? (isObject(asked) ? "none" : shown(asked));
    throw invalid("count the calls", rule, got);
  }
  return counts.map(([name, count]) => [
    name,
    checkValue("count the calls", name, count as number, whole(0)), // a number, or it throws
  ]);
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** What is told of: its name, and what it has done. */
interface Subject {
  readonly name: string;
  readonly story: string;
}

function ofUser(status: UserStatus): Subject {
  return { name: `user "${status.appUserId}"`, story: timeline(status) };
}

function told({ name, story }: Subject, what: string, but: string): Checked["message"] {
  return (negated) => `Expected ${name} ${negated ? `not to ${what}` : `to ${what}, but ${but}`}\n\n${story}`;
}

/** A status, or what JSON has made of one, with dates again. */
function statusOf(given: unknown): UserStatus {
  const rule = "what inspect() or onboard() resolves with";
  if (!isObject(given) || typeof given["state"] !== "string" || !Array.isArray(given["history"]))
    throw notOne(rule, given);
  const { pause = null, failure = null, underWay = null, conflict = null } = given;
  const steps: readonly unknown[] = given["history"];
  const dated = (holder: unknown, name: string): object => {
    const at = isObject(holder) ? dateOf(holder[name]) : undefined;
    if (at === undefined) throw invalid("check this", `it must be ${rule}, or all of that as JSON`, "less");
    return { ...(holder as object), [name]: at };
  };
  const history = steps.map((step) => dated(step, "at"));
  const waits = isObject(pause) && (pause["until"] ?? null) !== null ? dated(pause, "until") : pause;
  const status: object = { ...dated(given, "since"), history, pause: waits, failure, underWay, conflict };
  return status as UserStatus; // only a status has these fields
}

/** A date, or the text that JSON has for one. */
function dateOf(value: unknown): Date | undefined {
  const isDate = typeof value === "string" || Object.prototype.toString.call(value) === "[object Date]";
  const date = isDate ? new Date(value as string | Date) : undefined;
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date;
}

function spenderOf(given: unknown): Subject & { readonly calls: Readonly<Record<string, number>> } {
  if (isObject(given) && "calls" in given) {
    const status = statusOf(given);
    return { ...ofUser(status), calls: { ...status.calls } };
  }
  const journal = isObject(given) && "journal" in given ? given.journal : given;
  if (!isJournal(journal)) throw notOne("a user's status, a sandbox or its journal", given);
  return { name: "the application", calls: { ...journal.spent() }, story: timelineOf(journal.entries()) };
}

function isJournal(value: unknown): value is Journal {
  return isObject(value) && "spent" in value && "entries" in value;
}

function notOne(rule: string, given: unknown): LifecycleError {
  const got = isPromise(given) ? "a promise: await it first" : typeof given;
  return invalid("check this", `it must be ${rule}`, got);
}

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
function timeline(status: UserStatus): string {
  const steps = wayOf(status).map(({ at, to, event }) => ({ at: at.getTime(), cells: [to, event] }));
  return lines(steps, notesOf(status));
}

/** The same for calls of the sandbox's journal. */
function timelineOf(entries: readonly JournalEntry[]): string {
  const steps = entries.map(({ at, call, appUserId = "", outcome, fault }) => ({
    at,
    cells: [call, appUserId, fault === undefined ? outcome : `${outcome} (${fault})`],
  }));
  return steps.length === 0 ? "  no calls" : lines(steps, []);
}

/** A user's steps up to now. That a token entered its refresh window is stored only when it is refreshed. */
function wayOf(
  status: UserStatus,
): readonly { readonly at: Date; readonly to: string; readonly event: string }[] {
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
