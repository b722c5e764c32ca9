/**
 * `oneup-lifecycle status`: prints the state of the account.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import type { BudgetView, Ceiling, Cause, Health, Lifecycle, UserState } from "../../index.ts";
import { causeInWords } from "../../errors.ts";
import { nextStepAfter } from "../../next-step.ts";
import { callOf } from "../../runtime/user/step.ts";
import { escapeControl } from "../escape-control.ts";
import { momentInWords, spanInWords, timeInWords } from "../../runtime/options/time-words.ts";
import type { Command, Given } from "../command.ts";
import { hanging } from "../columns.ts";
import { paintFor, type Paint } from "../paint.ts";
import { adapterOf, withStore } from "../open-store.ts";
import { asCommands } from "../shell-words.ts";
import { widthOf, width as usualWidth } from "../screen.ts";
import {
  bar,
  byLane,
  gateLine,
  number,
  pauseLine,
  plural,
  print,
  toneOf,
  usedIn,
  waitingUsers,
} from "../format.ts";

/** See the module. */
export const status: Command = {
  name: "status",
  description: "show users by state, the call limit, waiting users, closed gates and pauses",
  example: "status --store redis://localhost:6379",
  opens: "look",
  json: "object",
  fails: "no work is possible: the store, the credentials or the region is refused",
  run,
};

/** The longest bar, and what stands beside one, in columns. */
const [longestBar, besideBar] = [30, 41];
/** The column where values start. */
const valueAt = 13;

async function run(given: Given): Promise<number> {
  const adapter = await adapterOf(given);
  const { name } = adapter;
  const [view, health, causes] = await withStore(
    given,
    async (lifecycle) => {
      const seen = await lifecycle.budget.refresh();
      return [seen, await lifecycle.health(), await causesOf(lifecycle, seen)] as const;
    },
    { adapter },
  );
  const width = Math.min(usualWidth, widthOf(process.stdout));
  print(
    given,
    asData(name, view, health, causes),
    statusLines(name, view, health, causes, paintFor(process.stdout), width),
  );
  return health.ready ? 0 : 1;
}

/** The output of `--json`. */
function asData(
  store: string,
  view: BudgetView,
  { ready, problem, why, nextStep }: Health,
  causes: readonly MetCause[],
): object {
  const { at, users, used, of, waiting, nextInMs, shut, paused } = view;
  return {
    store,
    at,
    users,
    used,
    of,
    waiting,
    underWayOrHeld: waitingUsers(view),
    nextInMs,
    shut,
    paused,
    causes,
    ready,
    problem,
    why,
    nextStep,
  };
}

function nowOf({ at }: BudgetView): number {
  return at?.getTime() ?? systemClock.now();
}

/** The status as text, at most `width` columns wide. */
export function statusLines(
  store: string,
  view: BudgetView,
  health: Health,
  causes: readonly MetCause[],
  paint: Paint,
  width: number = usualWidth,
): readonly string[] {
  const { nextInMs } = view;
  const now = nowOf(view);
  const others = waitingUsers(view);
  const used = usedIn(view);
  const barLength = Math.max(8, Math.min(longestBar, width - besideBar));
  const row: Row = (name, value, tone) => {
    const lines = hanging(`  ${name.padEnd(10)} `, value, width, tone && paint[tone]);
    return lines.map((line) => paint.quiet(line.slice(0, valueAt)) + line.slice(valueAt));
  };
  const slots = `${number(used)} of ${number(view.of)} slots in use`;
  return [
    "",
    ...row("store", store),
    ...row("at", timeInWords(new Date(now))),
    "",
    ...userLines(view, row, barLength, paint),
    "",
    `  ${paint.quiet("limit".padEnd(10))} ${bar(used, view.of, Math.min(barLength, Math.max(8, width - valueAt - 2 - slots.length)), paint)}  ${paint.strong(slots)}`,
    ...row("", byLane(view.used)),
    ...row("waiting", byLane(view.waiting)),
    ...(others === 0
      ? []
      : row("", `in progress or held: ${number(others)}, without a token and in no lane`)),
    ...row("next call", nextCall(nextInMs, now)),
    "",
    ...gateLines(view, row, now),
    ...view.paused.flatMap((pause, index) => row(index === 0 ? "paused" : "", pauseLine(pause, now), "busy")),
    ...causeLines(causes, row, now),
    ...health.limitConflicts.flatMap(({ limit, configured, recorded }) =>
      row(
        "conflict",
        `${limit}: ${ceilingInWords(configured)} here, ${ceilingInWords(recorded)} recorded`,
        "bad",
      ),
    ),
    ...problemLines(health, row),
    "",
  ];
}

function ceilingInWords({ calls, windowMs }: Ceiling): string {
  return `${number(calls)} in ${spanInWords(windowMs)}`;
}

/** Lines with a name and a value, coloured by `tone`. */
type Row = (name: string, value: string, tone?: keyof Paint) => readonly string[];

/** Why users wait: a failed call, how many of the users that were looked at it holds up, and when the first goes on. */
export interface MetCause {
  readonly cause: Cause;
  readonly users: number;
  readonly nextAt: Date;
  /** What to do about it. */
  readonly nextStep: string;
}

/** At most this many users that wait are looked at. */
const mostLooked = 100;

/** The failed calls because of which users wait, most users first. */
async function causesOf(lifecycle: Lifecycle, { users }: BudgetView): Promise<readonly MetCause[]> {
  const met = new Map<string, MetCause>();
  const states = (Object.keys(users) as UserState[]).filter((state) => callOf(state) !== undefined); // its keys
  let looked = 0;
  for (const state of states) {
    for await (const { pause } of lifecycle.users({ state })) {
      if (pause?.cause && pause.until !== null) {
        const { call, host, code } = pause.cause;
        const key = [call, host, code].join(" ");
        const before = met.get(key);
        const nextAt = before !== undefined && before.nextAt < pause.until ? before.nextAt : pause.until;
        const isLater = before === undefined || before.cause.at < pause.cause.at;
        const cause = isLater ? pause.cause : before.cause;
        met.set(key, { cause, users: (before?.users ?? 0) + 1, nextAt, nextStep: nextStepAfter(cause) });
      }
      if (++looked >= mostLooked) return sorted(met);
    }
  }
  return sorted(met);
}

function sorted(met: ReadonlyMap<string, MetCause>): readonly MetCause[] {
  return [...met.values()].toSorted((one, other) => other.users - one.users);
}

/** For each cause: the call that failed, whom it holds up until when, and what to do. */
function causeLines(causes: readonly MetCause[], row: Row, now: number): readonly string[] {
  return causes.flatMap(({ cause, users, nextAt, nextStep }, index) => [
    ...row(index === 0 ? "causes" : "", escapeControl(causeInWords(cause)), "bad"),
    ...row("", `${plural(users, "user")} waiting, next attempt ${momentInWords(nextAt, now)}`),
    ...row("what to do", asCommands(nextStep)),
  ]);
}

function problemLines({ problem, why, nextStep }: Health, row: Row): readonly string[] {
  return [
    ...(problem === null ? [] : row("problem", why === null ? problem : `${problem}: ${why}`, "bad")),
    ...(nextStep === null ? [] : row("what to do", asCommands(nextStep))),
  ];
}

function userLines({ users }: BudgetView, row: Row, barLength: number, paint: Paint): readonly string[] {
  const states = (Object.entries(users) as [UserState, number][]).filter(([, count]) => count > 0); // its keys
  const all = states.reduce((sum, [, count]) => sum + count, 0);
  const most = Math.max(...states.map(([, count]) => count));
  return [
    ...row("users", number(all), "strong"),
    ...states.map(([state, count]) => {
      const length = Math.max(1, Math.round((count / most) * barLength));
      const name = `${" ".repeat(valueAt)}${state.padEnd(14)} ${number(count).padStart(9)}`;
      return `${name}  ${paint[toneOf[state]]("━".repeat(length))}`;
    }),
  ];
}

function gateLines({ shut }: BudgetView, row: Row, now: number): readonly string[] {
  if (shut.length === 0) return row("gates", "all open", "good");
  return shut.flatMap((gate, index) => row(index === 0 ? "gates" : "", gateLine(gate, now), "bad"));
}

function nextCall(inMs: number, now: number): string {
  if (inMs === Infinity) return "none: paused";
  return inMs <= 0 ? "now" : momentInWords(new Date(now + inMs), now);
}
