/**
 * `oneup-lifecycle status`: how the account stands.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import type { BudgetView, Health, UserState } from "../index.ts";
import { momentInWords, timeInWords } from "../runtime/time-words.ts";
import { jsonOption } from "./arguments.ts";
import type { CommandHelp, Given } from "./arguments.ts";
import { paintFor } from "./paint.ts";
import type { Paint } from "./paint.ts";
import { adapterOf, limitOptions, lookingSays, openToLook, placeOptions, using } from "./place.ts";
import { byLane, gateLine, number, toneOf, usedIn } from "./prose.ts";
import { underWayOrHeld } from "./standing.ts";

/** What `help` says. */
export const statusHelp: CommandHelp = {
  name: "status",
  says: "how the account stands: users by state, the limit, who waits, what is shut",
  more: [
    "Ends with 1 while nobody can work: the store, the credentials or the region is refused.",
    "",
    ...lookingSays,
  ],
  options: {
    ...placeOptions,
    ...limitOptions,
    ...jsonOption,
  },
};

/** The longest bar. */
const barLength = 30;

/** Prints it; gives the exit code: 1 if nobody can work now. */
export async function status(given: Given): Promise<number> {
  const adapter = await adapterOf(given);
  const { name } = adapter;
  const [view, health] = await using(openToLook(given, adapter), async (lifecycle) => [
    await lifecycle.budget.look(),
    await lifecycle.health(),
  ]);
  if (given.switches.has("json")) console.log(JSON.stringify(asData(name, view, health)));
  else for (const line of statusLines(name, view, health, paintFor(process.stdout))) console.log(line);
  return health.ready ? 0 : 1;
}

/** What `--json` prints. */
function asData(store: string, view: BudgetView, { ready, problem }: Health): object {
  const { at, users, used, of, waiting, nextInMs, shut } = view;
  return {
    store,
    at,
    users,
    used,
    of,
    waiting,
    underWayOrHeld: underWayOrHeld(view),
    nextInMs,
    shut,
    ready,
    problem,
  };
}

function nowOf({ at }: BudgetView): number {
  return at?.getTime() ?? systemClock.now();
}

/** What people see, in lines of 80 columns at most. */
export function statusLines(
  store: string,
  view: BudgetView,
  health: Health,
  paint: Paint,
): readonly string[] {
  const { nextInMs } = view;
  const now = nowOf(view);
  const others = underWayOrHeld(view);
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
      : [row("", `under way or held: ${number(others)}, without a token and in no lane`)]),
    row("next call", nextInMs <= 0 ? "now" : momentInWords(new Date(now + nextInMs), now)),
    "",
    ...gateLines(view, row, now, paint),
    ...(health.problem === null ? [] : [row("problem", paint.bad(health.problem))]),
    "",
  ];
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
        `${state.padEnd(14)} ${number(count).padStart(9)}  ${paint[toneOf(state)]("━".repeat(length))}`,
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
