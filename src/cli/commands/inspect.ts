/**
 * `oneup-lifecycle inspect ID`: prints everything stored about one user, except secrets.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import type { HistoryStep, UserStatus } from "../../index.ts";
import { momentInWords, timeInWords } from "../../runtime/options/time-words.ts";
import type { Command, Given } from "../command.ts";
import { fitted, shortened } from "../columns.ts";
import { paintFor } from "../paint.ts";
import type { Paint } from "../paint.ts";
import { withStore } from "../open-store.ts";
import { print, toneOf } from "../format.ts";
import { widthOf } from "../screen.ts";
import { escapeControl } from "../escape-control.ts";

/** See the module. */
export const inspect: Command = {
  name: "inspect",
  description: "show one user: state, token, pause, calls and latest steps",
  more: ["ID is the app_user_id. No secret is printed."],
  takes: ["ID"],
  example: "inspect ada@example.org",
  opens: "look",
  json: "object",
  run,
};

async function run(given: Given): Promise<number> {
  const id = given.argument;
  const [status, history] = await withStore(given, async (lifecycle) => {
    await lifecycle.budget.refresh(); // loads the gates that are closed for all users
    return [await lifecycle.inspect(id), await lifecycle.history(id)];
  });
  const [width, paint] = [widthOf(process.stdout), paintFor(process.stdout)];
  print(given, { ...status, history }, userLines(status, history, systemClock.now(), width, paint));
  return 0;
}

/** The user as text, wrapped at `width` columns. */
export function userLines(
  status: UserStatus,
  history: readonly HistoryStep[],
  now: number,
  width: number,
  paint: Paint,
): readonly string[] {
  const rows = factsOf(status, now).map(([name, value, tone]) => {
    const text = shortened(value, width - valueAt);
    return `  ${paint.quiet(name.padEnd(valueAt - 3))} ${tone === undefined ? text : paint[tone](text)}`;
  });
  const head = `  ${paint.strong(shortened(escapeControl(status.appUserId), width - 2))}`;
  return ["", head, "", ...rows, "", ...stepLines(history, width, paint), ""];
}

/** The column where values start. */
const valueAt = 16;

type Fact = readonly [name: string, value: string, tone?: keyof Paint];

function factsOf(status: UserStatus, now: number): readonly Fact[] {
  const { state, since, usable, expiresAt, oneupUserId, active, pause, failure, underWay, calls } = status;
  const facts: Fact[] = [
    ["state", state, toneOf[state]],
    ["since", momentInWords(since, now)],
    [
      "token",
      usable && expiresAt !== null
        ? `valid until ${momentInWords(expiresAt, now)}`
        : "none that is valid now",
    ],
    ["oneup_user_id", oneupUserId === null ? "not known yet" : String(oneupUserId)],
  ];
  if (status.provisionalUntil !== null)
    facts.push(["provisional", `until ${momentInWords(status.provisionalUntil, now)}`, "busy"]);
  if (active === false) facts.push(["active", "no, according to 1upHealth", "busy"]);
  if (pause !== null)
    facts.push(["waits", `${pause.reason}, until ${momentInWords(pause.until, now)}`, "busy"]);
  if (pause !== null) facts.push(["attempt", `${pause.attempt} is next`]);
  if (underWay !== null) facts.push(["call", `${underWay}, in flight or in doubt`, "busy"]);
  if (failure !== null) {
    facts.push(
      ["failed", `in ${failure.in}: ${failure.reason}`, "bad"],
      ["because", escapeControl(failure.why), "bad"],
    );
  }
  if (status.conflict !== null) facts.push(["conflict", status.conflict, "bad"]);
  if (status.purge !== null) {
    const { done, left } = status.purge;
    facts.push(["erased", done.join(", ") || "none"], ["to erase", left.join(", ") || "none"]);
  }
  return [...facts, ["calls", `management ${calls.management} · token ${calls.token}`]];
}

const [timeWidth, stateWidth, costWidth] = [19, 13, 12];

function stepLines(history: readonly HistoryStep[], width: number, paint: Paint): readonly string[] {
  const whyWidth = Math.min(57, Math.max(10, width - timeWidth - stateWidth - costWidth - 8));
  const line = (
    time: string,
    state: string,
    why: string,
    cost: string,
  ): readonly [string, string, string, string] => [
    fitted(time, timeWidth),
    fitted(state, stateWidth),
    fitted(why, whyWidth),
    cost,
  ];
  const title = `  ${line("when, UTC", "state", "why", "calls").join("  ").trimEnd()}`;
  const rows = history.map(({ at, to, from, why, attempt, spent }) => {
    const again = from === to && attempt !== null && attempt > 0 ? `${why} (${attempt})` : why;
    const [time, state, reason, cost] = line(
      timeInWords(at).slice(0, timeWidth),
      to,
      escapeControl(again),
      costOf(spent),
    );
    return `  ${paint.quiet(time)}  ${state}  ${reason}  ${paint.strong(cost)}`.trimEnd();
  });
  return [paint.quiet(title), ...rows];
}

function costOf(spent: HistoryStep["spent"]): string {
  if (spent === null) return "?";
  const { management, token } = spent;
  const words = [management > 0 ? `${management} mgmt` : "", token > 0 ? `${token} token` : ""];
  return words.filter((word) => word !== "").join(", ");
}
