/**
 * `oneup-lifecycle status`: prints the state of the account.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import type { BudgetView, Ceiling, Health, UserState } from "../../index.ts";
import { momentInWords, spanInWords, timeInWords } from "../../runtime/options/time-words.ts";
import type { Command, Given } from "../command.ts";
import { paintFor } from "../paint.ts";
import type { Paint } from "../paint.ts";
import { adapterOf, withStore } from "../open-store.ts";
import { byLane, gateLine, number, print, toneOf, usedIn, waitingUsers } from "../format.ts";

/** See the module. */
export const status: Command = {
  name: "status",
  description: "show users by state, the call limit, waiting users and closed gates",
  example: "status --store redis://localhost:6379",
  opens: "look",
  json: "object",
  fails: "no work is possible: the store, the credentials or the region is refused",
  run,
};

/** The longest bar, in columns. */
const barLength = 30;

async function run(given: Given): Promise<number> {
  const adapter = await adapterOf(given);
  const { name } = adapter;
  const [view, health] = await withStore(
    given,
    async (lifecycle) => [await lifecycle.budget.refresh(), await lifecycle.health()] as const,
    { adapter },
  );
  print(given, asData(name, view, health), statusLines(name, view, health, paintFor(process.stdout)));
  return health.ready ? 0 : 1;
}

/** The output of `--json`. */
function asData(store: string, view: BudgetView, { ready, problem }: Health): object {
  const { at, users, used, of, waiting, nextInMs, shut } = view;
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
    ready,
    problem,
  };
}

function nowOf({ at }: BudgetView): number {
  return at?.getTime() ?? systemClock.now();
}

/** The status as text, at most 80 columns wide. */
export function statusLines(
  store: string,
  view: BudgetView,
  health: Health,
  paint: Paint,
): readonly string[] {
  const { nextInMs } = view;
  const now = nowOf(view);
  const others = waitingUsers(view);
  const used = usedIn(view);
  const row = (name: string, value: string): string => `  ${paint.quiet(name.padEnd(10))} ${value}`;
  return [
    "",
    row("store", store),
    row("at", timeInWords(new Date(now))),
    "",
    ...userLines(view, row, paint),
    "",
    row(
      "limit",
      `${bar(used, view.of, paint)}  ${paint.strong(number(used))} of ${number(view.of)} slots in use`,
    ),
    row("", byLane(view.used)),
    row("waiting", byLane(view.waiting)),
    ...(others === 0
      ? []
      : [row("", `in progress or held: ${number(others)}, without a token and in no lane`)]),
    row("next call", nextInMs <= 0 ? "now" : momentInWords(new Date(now + nextInMs), now)),
    "",
    ...gateLines(view, row, now, paint),
    ...health.limitConflicts.map(({ limit, configured, recorded }) =>
      row(
        "conflict",
        paint.bad(`${limit}: ${ceilingInWords(configured)} here, ${ceilingInWords(recorded)} recorded`),
      ),
    ),
    ...(health.problem === null ? [] : [row("problem", paint.bad(health.problem))]),
    "",
  ];
}

function ceilingInWords({ calls, windowMs }: Ceiling): string {
  return `${number(calls)} in ${spanInWords(windowMs)}`;
}

type Row = (name: string, value: string) => string;

function userLines({ users }: BudgetView, row: Row, paint: Paint): readonly string[] {
  const states = (Object.entries(users) as [UserState, number][]).filter(([, count]) => count > 0); // its keys
  const all = states.reduce((sum, [, count]) => sum + count, 0);
  const most = Math.max(...states.map(([, count]) => count));
  return [
    row("users", paint.strong(number(all))),
    ...states.map(([state, count]) => {
      const length = Math.max(1, Math.round((count / most) * barLength));
      return row(
        "",
        `${state.padEnd(14)} ${number(count).padStart(9)}  ${paint[toneOf[state]]("━".repeat(length))}`,
      );
    }),
  ];
}

function gateLines({ shut }: BudgetView, row: Row, now: number, paint: Paint): readonly string[] {
  if (shut.length === 0) return [row("gates", paint.good("all open"))];
  return shut.map((gate, index) => row(index === 0 ? "gates" : "", paint.bad(gateLine(gate, now))));
}

function bar(part: number, of: number, paint: Paint): string {
  const full = part === 0 ? 0 : Math.max(1, Math.round((Math.min(part, of) / of) * barLength));
  return "━".repeat(full) + paint.quiet("─".repeat(barLength - full));
}
