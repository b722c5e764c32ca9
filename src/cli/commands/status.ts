/**
 * `oneup-lifecycle status`: prints the state of the account.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import type { BudgetView, Ceiling, Health, UserState } from "../../index.ts";
import { causeInWords } from "../../errors.ts";
import { total } from "../../store/lane-scheduler.ts";
import { internalsOf } from "../../runtime/internals.ts";
import {
  escapeControl,
  bar,
  byLane,
  gateLine,
  number,
  pauseLine,
  plural,
  print,
  secretLine,
  toneOf,
  waitingUsers,
} from "../format.ts";
import { momentInWords, spanInFull, timeInWords } from "../../runtime/options/time-in-words.ts";
import type { Command } from "../command.ts";
import { hanging, drawsBars, paintFor, type Paint, widthOf, width as usualWidth } from "../screen.ts";
import { adapterOf, withStore } from "../open-store.ts";
import { asCommands } from "../shell-words.ts";
import { causesOf, failuresOf, type Failures, type MetCause } from "./users-in-trouble.ts";

export const status: Command = {
  name: "status",
  description: "show users by state, the call limit, waiting and failed users, closed gates and pauses",
  more: [
    "It names the addresses that calls would go to. Why users wait and why they failed is counted over the first 100",
    "of each.",
  ],
  example: "status --store redis://localhost:6379",
  opens: "look",
  fails: "no work is possible: the store, the credentials or the region is refused",
  async run(given) {
    const adapter = await adapterOf(given);
    const looked = await withStore(
      given,
      async (lifecycle): Promise<Looked> => {
        const view = await lifecycle.budget.refresh();
        return {
          store: adapter.name,
          endpoints: internalsOf(lifecycle)?.endpoints() ?? null,
          view,
          health: await lifecycle.health(),
          causes: await causesOf(lifecycle, view),
          failures: await failuresOf(lifecycle),
        };
      },
      { adapter },
    );
    const width = Math.min(usualWidth, widthOf(process.stdout));
    const lines = statusLines(looked, paintFor(process.stdout), width, drawsBars(process.stdout));
    print(given, asData(looked), lines);
    return looked.health.ready ? 0 : 1;
  },
};

/** The longest bar, and what stands beside one, in columns. */
const [longestBar, besideBar] = [30, 41];
/** The column where values start. */
const valueAt = 13;

/** Everything that is shown. */
export interface Looked {
  readonly store: string;
  /** Where calls would go; `null`: not known. */
  readonly endpoints: { readonly api: string; readonly auth: string } | null;
  readonly view: BudgetView;
  readonly health: Health;
  readonly causes: readonly MetCause[];
  readonly failures: Failures;
}

/** The output of `--json`. */
function asData({ store, endpoints, view, health, causes, failures }: Looked): object {
  const { running: _, ...account } = view;
  const { ready, problem, why } = health;
  const nextStep = health.nextStep && asCommands(health.nextStep);
  const met = causes.map((each) => ({ ...each, nextStep: asCommands(each.nextStep) }));
  const underWayOrHeld = waitingUsers(view);
  return {
    store,
    endpoints,
    ...account,
    underWayOrHeld,
    causes: met,
    failures,
    ready,
    problem,
    why,
    nextStep,
  };
}

/** The status as text, at most `width` columns wide, with or without bars beside the numbers. */
export function statusLines(
  { store, endpoints, view, health, causes, failures }: Looked,
  paint: Paint,
  width: number = usualWidth,
  bars: boolean = true,
): readonly string[] {
  const { nextInMs } = view;
  const { problem, why, nextStep } = health;
  const now = view.at?.getTime() ?? systemClock.now();
  const others = waitingUsers(view);
  const used = total(view.used);
  const barLength = bars ? Math.max(8, Math.min(longestBar, width - besideBar)) : 0;
  const row: Row = (name, value, tone) => {
    const lines = hanging(`  ${name.padEnd(10)} `, value, width, tone && paint[tone]);
    return lines.map((line) => paint.quiet(line.slice(0, valueAt)) + line.slice(valueAt));
  };
  const slots = `${number(used)} of ${number(view.of)} slots in use`;
  return [
    "",
    ...row("store", store),
    ...(endpoints === null ? [] : [...row("api", endpoints.api), ...row("auth", endpoints.auth)]),
    ...row("at", timeInWords(new Date(now))),
    "",
    ...userLines(view, row, barLength, paint),
    ...importLines(view, row),
    "",
    ...(bars
      ? [
          `  ${paint.quiet("limit".padEnd(10))} ${bar(used, view.of, Math.min(barLength, Math.max(8, width - valueAt - 2 - slots.length)), paint)}  ${paint.strong(slots)}`,
        ]
      : row("limit", slots, "strong")),
    ...row("", byLane(view.used)),
    ...row("waiting", byLane(view.waiting)),
    ...(others === 0
      ? []
      : row("", `in progress or held: ${number(others)}, without a token and in no lane`)),
    ...row("next call", nextCall(nextInMs, now)),
    "",
    ...gateLines(view, row, now),
    ...view.paused.flatMap((pause, index) => row(index === 0 ? "paused" : "", pauseLine(pause, now), "busy")),
    ...causeLines(causes, row, nextInMs, now),
    ...failureLines(failures, view, row),
    ...health.limitConflicts.flatMap(({ limit, configured, recorded }) =>
      row(
        "conflict",
        `${limit}: ${ceilingInWords(configured)} here, ${ceilingInWords(recorded)} recorded`,
        "bad",
      ),
    ),
    ...(problem === null ? [] : row("problem", why === null ? problem : `${problem}: ${why}`, "bad")),
    ...(nextStep === null ? [] : row("what to do", asCommands(nextStep))),
    "",
  ];
}

function ceilingInWords({ calls, windowMs }: Ceiling): string {
  return `${number(calls)} in ${spanInFull(windowMs)}`;
}

/** Lines with a name and a value, coloured by `tone`. */
type Row = (name: string, value: string, tone?: keyof Paint) => readonly string[];

/** For each cause: the call that failed, whom it holds up until when, and what to do. */
function causeLines(causes: readonly MetCause[], row: Row, nextInMs: number, now: number): readonly string[] {
  return causes.flatMap((met, index) => [
    ...row(index === 0 ? "causes" : "", escapeControl(causeInWords(met.cause)), "bad"),
    ...row("", `${plural(met.users, "user")} waiting, next attempt ${attemptInWords(met, nextInMs, now)}`),
    ...row("what to do", asCommands(met.nextStep)),
  ]);
}

/** When it leaves; if that time has passed, what it waits for. */
function attemptInWords({ nextAt, underWay }: MetCause, nextInMs: number, now: number): string {
  if (nextAt.getTime() > now) return momentInWords(nextAt, now);
  if (underWay) return "under way";
  return `due since ${timeInWords(nextAt)}, waits for ${nextInMs > 0 ? "its turn" : "a worker"}`;
}

/** At most this many ways to fail are shown; `--json` has all. */
const mostFailures = 5;

/** How the first failed users failed. */
function failureLines({ looked, causes }: Failures, { users }: BudgetView, row: Row): readonly string[] {
  if (causes.length === 0) return [];
  const ways = causes.slice(0, mostFailures).map((each) => {
    const { in: state, reason, why, users: count } = each;
    return `${plural(count, "user")} in ${state}: ${reason} (${escapeControl(why)})`;
  });
  const others = causes.slice(mostFailures).reduce((sum, { users }) => sum + users, 0);
  if (others > 0) ways.push(`${plural(others, "user")} in other ways`);
  const all = users.failed ?? looked;
  if (all > looked) ways.push(`of the first ${looked} of ${number(all)} failed users`);
  return [
    ...ways.flatMap((way, index) => row(index === 0 ? "failed" : "", way, "bad")),
    ...row("what to do", "run oneup-lifecycle users --state failed, then explain ID of one"),
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
      return barLength === 0 ? name : `${name}  ${paint[toneOf[state]]("━".repeat(length))}`;
    }),
  ];
}

/** Imports shown one by one. */
const mostImports = 10;

function importLines({ imports }: BudgetView, row: Row): readonly string[] {
  const more = imports.length - mostImports;
  return [
    ...imports.slice(0, mostImports).flatMap(({ name, left, failed }, index) => {
      const fails = failed === 0 ? "" : `, ${number(failed)} failed`;
      return row(index === 0 ? "imports" : "", `${name}: ${number(left)} left${fails}`);
    }),
    ...(more > 0 ? row("", `and ${plural(more, "more import")}`) : []),
  ];
}

function gateLines({ shut, refusedSecrets }: BudgetView, row: Row, now: number): readonly string[] {
  const lines = [
    ...shut.map((gate) => gateLine(gate, now)),
    ...refusedSecrets.map((secret) => secretLine(secret, now)),
  ];
  if (lines.length === 0) return row("gates", "all open", "good");
  return lines.flatMap((line, index) => row(index === 0 ? "gates" : "", line, "bad"));
}

function nextCall(inMs: number, now: number): string {
  if (inMs === Infinity) return "none: paused";
  return inMs <= 0 ? "now" : momentInWords(new Date(now + inMs), now);
}
