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
import { number } from "./prose.ts";

/** What `help` says. */
export const forecastHelp: CommandHelp = {
  name: "forecast",
  says: "when N more management calls will have been granted, e.g. N new users",
  more: [
    "A new user takes one call, and so does a lost grant; a refresh takes none. Counted after those who",
    "wait already, if nobody else comes.",
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
  const found = await using(openToLook(given), (lifecycle) => lifecycle.forecast(calls, lane));
  const now = systemClock.now();
  if (switches.has("json")) {
    console.log(JSON.stringify({ calls, lane, ...found, at: new Date(now + found.inMs) }));
    return 0;
  }
  const when = found.inMs <= 0 ? "at once" : `by ${momentInWords(new Date(now + found.inMs), now)}`;
  console.log(`${number(calls)} more in the lane ${lane}: granted ${when}`);
  console.log(
    `${number(found.ahead)} wait before them; ${number(found.used)} of ${number(found.of)} slots are in use`,
  );
  return 0;
}
