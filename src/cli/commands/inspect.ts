/**
 * `oneup-lifecycle inspect ID`: prints everything stored about one user, except secrets.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import {
  LifecycleError,
  type HistoryStep,
  type Lifecycle,
  type ShutGate,
  type UserStatus,
} from "../../index.ts";
import { internalsOf } from "../../runtime/internals.ts";
import { momentInWords, timeInWords } from "../../runtime/options/time-in-words.ts";
import { UsageError } from "../arguments.ts";
import { option, type Command } from "../command.ts";
import { fitted, hanging, wrapped, paintFor, type Paint, Screen, widthOf } from "../screen.ts";
import { withStore } from "../open-store.ts";
import { byWhom, number, print, toneOf, escapeControl } from "../format.ts";
import { causeInWords } from "../../errors.ts";
import { isRefusedAlone, nextStepAfter } from "../../next-step.ts";
import { asCommands } from "../shell-words.ts";
import { visibleId } from "../../visible-id.ts";

export const inspect: Command = {
  name: "inspect",
  description: "show one user: state, token, pause, calls and latest steps",
  more: [
    "ID is the app_user_id. No secret is printed.",
    "",
    "--alias takes the name of a user in logs, traces and events instead: #1a2b3c4d5e6f708192a3, without the #, which",
    "begins a comment in a shell. An alias is made of an id with the store's key, so ids are read until one fits: ten",
    "seconds or so for a million users, and Ctrl-C ends it. A user that was renamed has the alias of its id now.",
  ],
  takes: ["[ID]"],
  example: "inspect ada@example.org",
  opens: "look",
  options: {
    alias: option("ALIAS", "the user of this alias, instead of ID"),
  },
  async run(given, signal) {
    const { argument, texts } = given;
    const alias = texts.get("alias");
    if ((alias === undefined) === (argument === "")) {
      const also = argument === "" ? ", or --alias ALIAS" : " or --alias ALIAS, not both";
      throw new UsageError(`inspect needs ID: oneup-lifecycle inspect ada@example.org${also}`);
    }
    const { status, shut } = await withStore(given, async (lifecycle, name) => {
      const { shut: gates } = await lifecycle.budget.refresh(); // loads the gates that are closed for all users
      const id = alias === undefined ? argument : await idOf(alias, lifecycle, signal);
      if (alias !== undefined) name(id);
      return { status: await lifecycle.inspect(id), shut: gates };
    });
    const [width, paint] = [widthOf(process.stdout), paintFor(process.stdout)];
    print(given, status, userLines(status, systemClock.now(), width, paint, shut));
  },
};

/** The id of the user with this alias. @throws {UsageError}; {LifecycleError} `USER_UNKNOWN`; the signal's reason */
async function idOf(alias: string, lifecycle: Lifecycle, signal: AbortSignal): Promise<string> {
  const hex = /^#?([0-9a-f]{20})$/.exec(alias)?.[1];
  if (hex === undefined)
    throw new UsageError("--alias must be the 20 digits, 0 to f, of an alias: 1a2b3c4d5e6f708192a3");
  const screen = new Screen(process.stderr);
  const id = await internalsOf(lifecycle)?.idOf(`#${hex}`, signal, (looked) => {
    screen.draw([`${number(looked)} ids read`]);
  });
  screen.draw([]);
  if (typeof id === "string") return id;
  throw new LifecycleError(
    "USER_UNKNOWN",
    `Cannot find user #${hex}: no app_user_id of this store has that alias`,
  );
}

/** The user as text, wrapped at `width` columns. */
export function userLines(
  status: UserStatus,
  now: number,
  width: number,
  paint: Paint,
  shut: readonly ShutGate[] = [],
): readonly string[] {
  const rows = factsOf(status, now, shut).flatMap(([name, value, tone]) => {
    const lines = hanging(`  ${name.padEnd(valueAt - 3)} `, value, width, tone && paint[tone]);
    return lines.map((line) => paint.quiet(line.slice(0, valueAt)) + line.slice(valueAt));
  });
  const head = `  ${paint.strong(visibleId(status.appUserId))}`; // a terminal wraps it, and it can be copied
  return ["", head, "", ...rows, "", ...stepLines(status.history, width, paint), ""];
}

/** The column where values start. */
const valueAt = 16;

type Fact = readonly [name: string, value: string, tone?: keyof Paint];

function factsOf(status: UserStatus, now: number, shut: readonly ShutGate[]): readonly Fact[] {
  const { state, since, usable, expiresAt, oneupUserId, active, pause, hold, failure, underWay, calls } =
    status;
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
  if (status.refusedTokens !== null) {
    const { times, since } = status.refusedTokens;
    facts.push(["refused", `by FHIR, ${times} in a row since ${momentInWords(since, now)}`, "busy"]);
  }
  if (active === false) facts.push(["active", "no, according to 1upHealth", "busy"]);
  if (pause !== null) {
    const end = pause.until === null ? "" : `, until ${momentInWords(pause.until, now)}`;
    facts.push(["waits", `${pause.reason}${end}`, "busy"]);
    if (pause.why !== undefined) facts.push(["because", escapeControl(pause.why), "busy"]);
  }
  if (pause !== null) facts.push(["attempt", `${pause.attempt} is next`]);
  const cause = pause?.cause ?? null;
  if (cause !== null) {
    const step = asCommands(nextStepAfter(cause, { alone: isRefusedAlone(pause?.reason, shut) }));
    facts.push(["cause", escapeControl(causeInWords(cause)), "busy"], ["what to do", step]);
  }
  if (underWay !== null) facts.push(["call", `${underWay}, in flight or in doubt`, "busy"]);
  if (failure !== null) {
    facts.push(
      ["failed", `in ${failure.in}: ${failure.reason}`, "bad"],
      ["because", escapeControl(failure.why), "bad"],
    );
  }
  if (hold !== null)
    facts.push([
      "held",
      `since ${momentInWords(hold.since, now)}${byWhom(hold.by)}: ${escapeControl(hold.reason)}`,
      "busy",
    ]);
  if (status.conflict !== null) facts.push(["conflict", status.conflict, "bad"]);
  if (status.purge !== null) {
    const { done, left, skipped } = status.purge;
    facts.push(["erased", done.join(", ") || "none"], ["to erase", left.join(", ") || "none"]);
    if (skipped !== null) facts.push(["not erased", `${skipped.versions.join(", ")}: ${skipped.why}`, "bad"]);
  }
  return [...facts, ["calls", `management ${calls.management} · token ${calls.token}`]];
}

const [timeWidth, stateWidth, costWidth] = [19, 13, 12];
/** Where there is less room for the reason of a step, it has lines of its own. */
const leastRoom = 24;
/** The longest reason, apart from those of later releases. */
const mostRoom = 57;

function stepLines(history: readonly HistoryStep[], width: number, paint: Paint): readonly string[] {
  const room = Math.min(mostRoom, width - timeWidth - stateWidth - costWidth - 8);
  const isStacked = room < leastRoom;
  const cells = (time: string, state: string, why: string, cost: string): string =>
    `  ${paint.quiet(fitted(time, timeWidth))}  ${fitted(state, stateWidth)}  ${isStacked ? "" : `${why.padEnd(room)}  `}${paint.strong(cost)}`.trimEnd();
  const rows = history.flatMap(({ at, to, from, why: what, by, attempt, spent }) => {
    const why = what + byWhom(by);
    const again = from === to && attempt !== null && attempt > 0 ? `${why} (${attempt})` : why;
    const reason = escapeControl(again);
    const time = timeInWords(at).slice(0, timeWidth);
    if (isStacked) return [cells(time, to, "", costOf(spent)), ...hanging("    ", reason, width)];
    const [first = "", ...others] = wrapped(reason, width === Infinity ? width : room);
    return [cells(time, to, first, costOf(spent)), ...others.map((line) => cells("", "", line, ""))];
  });
  const title = isStacked
    ? cells("when, UTC", "state", "", "calls, and why")
    : cells("when, UTC", "state", "why", "calls");
  return [title, ...rows];
}

function costOf(spent: HistoryStep["spent"]): string {
  if (spent === null) return "?";
  const { management, token } = spent;
  const words = [management > 0 ? `${management} mgmt` : "", token > 0 ? `${token} token` : ""];
  return words.filter((word) => word !== "").join(", ");
}
