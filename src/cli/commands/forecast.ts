/**
 * `oneup-lifecycle forecast N`: when so many more calls will have been granted.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import type { Lane } from "../index.ts";
import { momentInWords } from "../runtime/time-words.ts";
import { jsonOption, UsageError } from "./arguments.ts";
import type { CommandHelp, Given } from "./arguments.ts";
import { limitOptions, lookingSays, openToLook, placeOptions, using } from "./place.ts";
import { gateLine, number } from "./prose.ts";
import { underWayOrHeld } from "./standing.ts";

/** What `help` says. */
export const forecastHelp: CommandHelp = {
  name: "forecast",
  says: "when N more management calls will have been granted, e.g. N new users",
  more: [
    "A new user takes one call, and so does a lost grant; a refresh takes none. Counted after those who",
    "wait already, if nobody else comes, and once what is shut for all may be open again.",
    "",
    ...lookingSays,
  ],
  argument: "N",
  options: {
    lane: { type: "string", value: "LANE", says: "where they wait: bulk, recovery, interactive (bulk)" },
    ...placeOptions,
    ...limitOptions,
    ...jsonOption,
  },
};

/** Prints it; gives the exit code. */
export async function forecast(given: Given): Promise<number> {
  const { argument, switches, texts } = given;
  if (argument === undefined || !/^\d{1,9}$/.test(argument) || Number(argument) < 1) {
    throw new UsageError("forecast needs a number of calls from 1: oneup-lifecycle forecast 10000");
  }
  const calls = Number(argument);
  const lane = (texts.get("lane") ?? "bulk") as Lane; // checked by forecast()
  const [found, view] = await using(openToLook(given), async (lifecycle) => [
    await lifecycle.forecast(calls, lane),
    await lifecycle.budget.look(),
  ]);
  const now = systemClock.now();
  const { inMs } = found;
  const others = underWayOrHeld(view);
  if (switches.has("json")) {
    const { shut } = view;
    const at = new Date(now + inMs);
    console.log(JSON.stringify({ calls, lane, ...found, underWayOrHeld: others, shut, at }));
    return 0;
  }
  const when = inMs <= 0 ? "at once" : `by ${momentInWords(new Date(now + inMs), now)}`;
  console.log(`${number(calls)} more in the lane ${lane}: granted ${when}`);
  console.log(
    `${number(found.ahead)} wait before them; ${number(found.used)} of ${number(found.of)} slots are in use`,
  );
  if (others > 0) console.log(`${number(others)} more are under way or held, and may need slots too`);
  for (const gate of view.shut) console.log(gateLine(gate, now));
  return 0;
}
