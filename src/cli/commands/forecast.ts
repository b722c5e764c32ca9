/**
 * `oneup-lifecycle forecast N`: when N more management calls will have been granted.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import type { Lane } from "../../index.ts";
import { momentInWords } from "../../runtime/options/time-in-words.ts";
import { laneOption, UsageError } from "../arguments.ts";
import type { Command } from "../command.ts";
import { withStore } from "../open-store.ts";
import { gateLine, number, plural, print, waitingUsers } from "../format.ts";

export const forecast: Command = {
  name: "forecast",
  description: "estimate when N more management calls are granted, e.g. for N new users",
  more: [
    "A new user takes one call, and so does recovering a lost grant; a refresh takes none. The calls queue",
    "behind users that are waiting already. Assumes no other new calls, and that closed gates open on time.",
  ],
  takes: ["N"],
  example: "forecast 10000",
  opens: "look",
  options: laneOption,
  async run(given) {
    const { argument, texts } = given;
    if (!/^\d{1,9}$/.test(argument) || Number(argument) < 1) {
      throw new UsageError("forecast needs a number of calls, at least 1: oneup-lifecycle forecast 10000");
    }
    const calls = Number(argument);
    const lane = (texts.get("lane") ?? "bulk") as Lane; // checked by forecast()
    const [found, view] = await withStore(given, async (lifecycle) => [
      await lifecycle.forecast(calls, lane),
      await lifecycle.budget.refresh(),
    ]);
    const now = systemClock.now();
    const { inMs } = found;
    const others = waitingUsers(view);
    const { shut } = view;
    const at = inMs === Infinity ? null : new Date(now + inMs);
    const when = at === null ? "when it is unpaused" : inMs <= 0 ? "now" : `by ${momentInWords(at, now)}`;
    print(given, { calls, lane, ...found, underWayOrHeld: others, shut, at }, [
      `${plural(calls, "more call")} in the lane ${lane}: granted ${when}`,
      `${plural(found.ahead, "user")} ${found.ahead === 1 ? "is" : "are"} waiting ahead; ${number(found.used)} of ${number(found.of)} slots are in use`,
      ...(others > 0 ? [`${number(others)} more are in progress or held, and may need slots too`] : []),
      ...shut.map((gate) => gateLine(gate, now)),
    ]);
  },
};
