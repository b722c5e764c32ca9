/**
 * `oneup-lifecycle work`: a worker, as a process of its own.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import type { Lifecycle, UserStatus } from "../index.ts";
import { duration } from "./amounts.ts";
import { jsonLinesOption } from "./arguments.ts";
import type { CommandHelp, Given } from "./arguments.ts";
import { paintFor } from "./paint.ts";
import type { Paint } from "./paint.ts";
import { environmentSays, openToWork, using, warns } from "./place.ts";
import { toneOf, waitOf } from "./prose.ts";
import { concurrencyOf, policyOf, summaryLine, workingOptions } from "./working.ts";

/** What `help` says. */
export const workHelp: CommandHelp = {
  name: "work",
  says: "a worker: drives everybody who is due or waits, until Ctrl-C",
  more: [
    "Any number of them may work on one store. Prints every durable step of its own, with the user's",
    "alias and not its app_user_id. Ctrl-C or SIGTERM lets the users in hand come to rest first.",
    "",
    ...environmentSays,
  ],
  options: {
    look: { type: "string", value: "TIME", says: "how long it sleeps at most between two looks (1s)" },
    ...workingOptions,
    quiet: { type: "boolean", says: "only what goes wrong, and the end" },
    ...jsonLinesOption,
  },
};

/** Works until `signal` aborts; gives the exit code. */
export async function work(given: Given, signal: AbortSignal): Promise<number> {
  const { switches, texts } = given;
  const look = texts.get("look");
  const lookMs = look === undefined ? {} : { lookMs: duration("look", look) };
  const options = { ...concurrencyOf(given), ...lookMs, signal };
  const isJson = switches.has("json");
  const done = await using(openToWork(given, { ...warns, ...policyOf(given) }), async (lifecycle) => {
    if (!switches.has("quiet")) lifecycle.subscribe(teller(lifecycle, isJson, paintFor(process.stdout)));
    if (await isEmpty(lifecycle)) console.error("There is nobody in this store yet: is it the right one?");
    if (!isJson && !switches.has("quiet")) console.log("Working; Ctrl-C ends it");
    return lifecycle.work(options);
  });
  console.log(isJson ? JSON.stringify(done) : summaryLine(done));
  return 0;
}

async function isEmpty(lifecycle: Lifecycle): Promise<boolean> {
  return Object.values(await lifecycle.counts()).every((count) => count === 0);
}

/** Prints a step, without the user's id: such lines end in logs. */
function teller(lifecycle: Lifecycle, isJson: boolean, paint: Paint): (status: UserStatus) => void {
  return (status) => {
    const { appUserId, state, usable, pause, underWay } = status;
    const user = lifecycle.alias(appUserId);
    const now = systemClock.now();
    if (isJson) {
      console.log(JSON.stringify({ at: new Date(now), user, state, usable, underWay, pause }));
      return;
    }
    const time = new Date(now).toISOString().slice(11, 19);
    const doing = underWay === null ? waitOf(status, now) : `calls ${underWay}`;
    const line = `${paint.quiet(time)}  ${user}  ${paint[toneOf(state)](state.padEnd(13))}  ${doing}`;
    console.log(line.trimEnd());
  };
}
