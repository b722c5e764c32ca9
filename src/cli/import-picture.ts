/**
 * An import as lines on a screen: how far it is, what it waits for, when it will be over.
 *
 * @module
 */
import type { ImportProgress, ImportSummary } from "../index.ts";
import { spanInWords } from "../runtime/time-words.ts";
import type { Paint } from "./paint.ts";
import { number, plural } from "./prose.ts";

const barLength = 40;
/** Rows that are told of one by one. */
const mostRows = 10;

/** The picture while it goes on, in lines of 80 columns at most. */
export function importPicture(progress: ImportProgress, now: number, paint: Paint): readonly string[] {
  const { name, phase, read, arrived, failed, unreadable, left, waiting, slots, shut } = progress;
  const over = arrived + failed + unreadable;
  const all = over + left;
  const share = all === 0 ? 0 : over / all;
  const full = Math.floor(share * barLength);
  const bar = paint.good("━".repeat(full)) + paint.quiet("─".repeat(barLength - full));
  const far =
    phase === "reading"
      ? `${number(read)} rows read`
      : phase === "comparing"
        ? `${number(progress.known)} known to 1upHealth so far`
        : `${number(arrived)} of ${number(all)}`;
  const gate = shut[0];
  return [
    "",
    `  ${paint.quiet("import")} ${paint.strong(name)}`,
    "",
    `  ${bar}  ${paint.strong(far)}`,
    "",
    `  ${rowsInWords(progress, paint)}`,
    gate === undefined
      ? `  ${number(waiting)} wait · ${slots.used} of ${slots.of} slots in use · ${endInWords(progress, now)}`
      : `  ${paint.busy(`1upHealth takes no calls now (${gate.reason ?? gate.state}); next try ${clockTime(gate.until)}`)}`,
    "",
  ];
}

/** One line for a log. */
export function importLine(progress: ImportProgress, now: number): string {
  const { phase, arrived, left, known, read } = progress;
  switch (phase) {
    case "reading":
      return `reading: ${number(read)} rows`;
    case "comparing":
      return `comparing with 1upHealth's list: ${number(known)} known there`;
    case "onboarding":
    case "done":
      return `onboarding: ${number(arrived)} arrived, ${number(left)} left, ${endInWords(progress, now)}`;
  }
}

/** What it came to. */
export function importSummary(summary: ImportSummary, paint: Paint): readonly string[] {
  const { arrived, failed, unreadable, known, rejected, rejects } = summary;
  const good = failed + unreadable + rejected === 0;
  const lines = [
    good
      ? paint.good(`Everybody has arrived: ${plural(arrived, "user")}`)
      : paint.busy(
          `Done: ${number(arrived)} arrived, ${number(failed)} failed, ${plural(rejected, "row")} could not be used`,
        ),
    `  ${rowsInWords(summary, paint)}`,
    ...(known > 0 ? [`  ${plural(known, "user")} known to 1upHealth already`] : []),
  ];
  for (const { row, code, why } of rejects.slice(0, mostRows)) {
    lines.push(`  ${paint.bad(`row ${number(row)}`)}  ${why} ${paint.quiet(`[${code}]`)}`);
  }
  if (rejected > mostRows) lines.push(paint.quiet(`  and ${plural(rejected - mostRows, "more row")}`));
  if (failed > 0)
    lines.push(`  Users who failed stay: ${paint.strong("oneup-lifecycle retry --all")} takes them back.`);
  if (unreadable > 0)
    lines.push(
      `  Damaged: ${plural(unreadable, "record")}. Nobody goes on with such a user; ${paint.strong("--json")} names them.`,
    );
  return lines;
}

function rowsInWords({ added, present, rejected }: ImportProgress, paint: Paint): string {
  const spoilt = rejected === 0 ? [] : [paint.bad(`${number(rejected)} cannot be used`)];
  return [`${number(added)} new`, `${number(present)} here before`, ...spoilt].join(" · ");
}

function endInWords({ endsAt }: ImportProgress, now: number): string {
  if (endsAt === null) return "nearly there";
  const ms = endsAt.getTime() - now;
  return ms < 10_000
    ? "nearly there"
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
