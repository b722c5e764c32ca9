/**
 * Formats an import's progress: how far it is, what it waits for, when it will be done.
 *
 * @module
 */
import type { ImportProgress, ImportSummary, RejectedRow, ShutGate } from "../../index.ts";
import { spanInWords } from "../../runtime/options/time-in-words.ts";
import type { Paint } from "../screen.ts";
import { number, plural } from "../format.ts";

const barLength = 40;
/** How many bad rows are printed one by one. */
const mostRows = 10;

/** The progress display, at most 80 columns wide. */
export function importPicture(progress: ImportProgress, now: number, paint: Paint): readonly string[] {
  const { name, phase, read, arrived, failed, unreadable, left, waiting, slots, shut } = progress;
  const over = arrived + failed + unreadable;
  const all = over + left;
  const share = all === 0 ? 0 : over / all;
  const full = Math.floor(share * barLength);
  const bar = paint.good("━".repeat(full)) + paint.quiet("─".repeat(barLength - full));
  const far = phase === "reading" ? `${number(read)} rows read` : `${number(arrived)} of ${number(all)}`;
  const gate = stopping(shut);
  return [
    "",
    `  ${paint.quiet("import")} ${paint.strong(name)}`,
    "",
    `  ${bar}  ${paint.strong(far)}`,
    "",
    `  ${rowsInWords(progress, paint)}`,
    ...leftOut(progress),
    gate === undefined
      ? `  ${number(waiting)} waiting · ${slots.used} of ${slots.of} slots in use · ${endInWords(progress, now)}`
      : `  ${paint.busy(heldUp(gate))}`,
    "",
  ];
}

/** One line for a log. */
export function importLine(progress: ImportProgress, now: number): string {
  const { phase, arrived, left, read, shut } = progress;
  const gate = stopping(shut);
  switch (phase) {
    case "reading":
      return `reading: ${number(read)} rows`;
    case "onboarding":
    case "done":
      return `onboarding: ${number(arrived)} onboarded, ${number(left)} left, ${gate === undefined ? endInWords(progress, now) : heldUp(gate)}`;
  }
}

/** The summary of an import from a file, with the line of each row. */
export interface SummaryOfFile extends ImportSummary {
  readonly rejects: readonly (RejectedRow & { readonly line: number })[];
}

/** The result of the import. `rejectsPath`: the file that holds the rows that cannot be used, if one was asked for. */
export function importSummary(summary: SummaryOfFile, paint: Paint, rejectsPath?: string): readonly string[] {
  const { arrived, departed, failed, unreadable, known, rejected, rejects } = summary;
  const good = failed + unreadable + rejected === 0;
  const lines = [
    good
      ? paint.good(`${departed === 0 ? "All onboarded" : "Onboarded"}: ${plural(arrived, "user")}`)
      : paint.busy(
          `Done: ${number(arrived)} onboarded, ${number(failed)} failed, ${plural(rejected, "row")} could not be used`,
        ),
    `  ${rowsInWords(summary, paint)}`,
    ...leftOut(summary),
    ...(departed > 0
      ? [`  To start one of them over: ${paint.strong("oneup-lifecycle onboard --user ID")}`]
      : []),
    ...(known > 0 ? [`  ${plural(known, "user")} already known to 1upHealth`] : []),
  ];
  for (const { line, code, why } of rejects.slice(0, mostRows)) {
    lines.push(`  ${paint.bad(`line ${number(line)}`)}  ${why} ${paint.quiet(`[${code}]`)}`);
  }
  const more = rejected > mostRows ? [`and ${plural(rejected - mostRows, "more row")}`] : [];
  if (rejectsPath !== undefined && rejected > 0)
    lines.push(
      `  ${[...more, `all rows that cannot be used are in ${paint.strong(rejectsPath)}`].join("; ")}`,
    );
  else if (more.length > 0)
    lines.push(paint.quiet(`  ${[...more, "--rejects FILE writes them all to a file"].join("; ")}`));
  if (failed > 0)
    lines.push(`  Failed users are kept: ${paint.strong("oneup-lifecycle retry --all")} retries them.`);
  if (unreadable > 0)
    lines.push(
      `  Damaged: ${plural(unreadable, "record")}. These users are not processed; ${paint.strong("--json")} lists them.`,
    );
  return lines;
}

/** The gate that stops all its calls for longest, so that there is no forecast. At a limit of its own it goes on slowly. */
function stopping(shut: readonly ShutGate[]): ShutGate | undefined {
  const [longest] = shut
    .filter(({ reason }) => reason !== "rateLimit")
    .toSorted((one, other) => other.until.getTime() - one.until.getTime());
  return longest;
}

function heldUp({ gate, reason, state, until }: ShutGate): string {
  const where = gate === "region" ? "from here" : "now"; // other processes may go on
  return `1upHealth accepts no calls ${where} (${reason ?? state}); next try ${clockTime(until)}`;
}

function leftOut({ departed }: ImportProgress): readonly string[] {
  return departed === 0 ? [] : [`  ${number(departed)} left out: offboarded or forgotten`];
}

function rowsInWords({ added, present, rejected }: ImportProgress, paint: Paint): string {
  const spoilt = rejected === 0 ? [] : [paint.bad(`${number(rejected)} cannot be used`)];
  return [`${number(added)} new`, `${number(present)} already stored`, ...spoilt].join(" · ");
}

function endInWords({ endsAt, left, held, waiting, phase }: ImportProgress, now: number): string {
  if (endsAt === null) {
    if (phase !== "onboarding" || left === 0) return "almost done";
    if (left === held) return "held until unhold";
    if (waiting > 0) return "paused";
    return held > 0 ? `${number(held)} of them held` : "on their way";
  }
  const ms = endsAt.getTime() - now;
  return ms < 10_000
    ? "calls may leave now"
    : `done in ${spanInWords(ms)}, ${ms < day ? clockTime(endsAt) : dateOf(endsAt)}`;
}

const day = 24 * 3_600_000;

/** `Wed 25 Nov 13:15`. */
function clockTime(at: Date): string {
  return `${dateOf(at)} ${at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
}

/** `Wed 25 Nov`. */
function dateOf(at: Date): string {
  return at
    .toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" })
    .replaceAll(",", "");
}
