/**
 * `oneup-lifecycle retry ID`: takes a failed user back to where it failed.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import { duration } from "./amounts.ts";
import { jsonOption, userOf } from "./arguments.ts";
import type { CommandHelp, Given } from "./arguments.ts";
import { paintFor } from "./paint.ts";
import {
  endpointOptions,
  environmentSays,
  limitOptions,
  openToGoOn,
  placeOptions,
  using,
  warns,
} from "./place.ts";
import { toneOf, waitOf } from "./prose.ts";

/** What `help` says. */
export const retryHelp: CommandHelp = {
  name: "retry",
  says: "take a failed user back to where it failed, and go on",
  more: ["ID is the app_user_id.", "", ...environmentSays],
  argument: "ID",
  options: {
    wait: { type: "string", value: "TIME", says: "how long to wait for it: 90s, 10m (30s)" },
    ...placeOptions,
    ...limitOptions,
    ...endpointOptions,
    ...jsonOption,
  },
};

/** Runs it; gives the exit code: 1 if the user did not arrive. */
export async function retry(given: Given, signal: AbortSignal): Promise<number> {
  const id = userOf(given, "retry");
  const waitMs = duration("wait", given.texts.get("wait") ?? "30s");
  const status = await using(openToGoOn(given, warns), (lifecycle) =>
    lifecycle.retry(id, { waitMs, signal }),
  );
  const { state, usable } = status;
  if (given.switches.has("json")) console.log(JSON.stringify(status));
  else {
    const paint = paintFor(process.stdout);
    const waits = waitOf(status, systemClock.now());
    console.log(`${paint[toneOf(state)](state)}${waits === "" ? "" : `, waits: ${waits}`}`);
  }
  return usable || state === "offboarded" ? 0 : 1;
}
