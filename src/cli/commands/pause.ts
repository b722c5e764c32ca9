/**
 * `oneup-lifecycle pause` and `unpause`: stop the account's management calls, and let them go on.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import type { Lane, Lifecycle } from "../../index.ts";
import { byOption, doerIn, reasonIn, reasonOption, duration } from "../arguments.ts";
import { option, type Command, type Given, type Options } from "../command.ts";
import { pauseLine } from "../format.ts";
import { withStore } from "../open-store.ts";
import { printResult } from "../results.ts";

const lane: Options = {
  lane: option("LANE", "only interactive, recovery or bulk (default: all)"),
};

export const pause: Command = {
  name: "pause",
  description: "stop the management calls of all processes, or those of one lane",
  more: [
    "Users that need one wait in their lanes; refreshes go on, tokens work, and calls that were sent end as usual.",
    "Processes notice it within a second or two while they work. The reason is shown with every user that waits:",
    "put no personal data into it.",
  ],
  example: "pause --lane bulk --for 2h --reason list-check",
  opens: "tend",
  options: {
    ...reasonOption,
    for: option("TIME", "ends it after e.g. 2h (default: with unpause)"),
    ...lane,
    ...byOption,
  },
  async run(given) {
    const reason = reasonIn(given);
    const forTime = given.texts.get("for");
    const until = forTime === undefined ? undefined : new Date(systemClock.now() + duration("for", forTime));
    const act = { reason, until, lane: laneIn(given), by: doerIn(given) };
    await change(given, (lifecycle) => lifecycle.account.pause(act));
  },
};

export const unpause: Command = {
  name: "unpause",
  description: "end all pauses of the account, or that of one lane",
  example: "unpause",
  opens: "tend",
  options: { ...lane, ...byOption },
  async run(given) {
    const act = { lane: laneIn(given), by: doerIn(given) };
    await change(given, (lifecycle) => lifecycle.account.unpause(act));
  },
};

/** A lane, or what the library refuses as one. */
function laneIn({ texts }: Given): Lane | undefined {
  return texts.get("lane") as Lane | undefined; // the library checks it
}

/** Changes the pauses, and prints those that are in force then. */
async function change(given: Given, act: (lifecycle: Lifecycle) => Promise<void>): Promise<void> {
  const [before, { paused }] = await withStore(given, async (lifecycle) => {
    const { paused: before } = await lifecycle.budget.refresh();
    await act(lifecycle);
    return [before, await lifecycle.budget.refresh()] as const;
  });
  const none = before.length === 0 ? "Nothing was paused" : "Unpaused: nothing is paused any more";
  const lines = paused.map((one) => `Paused: ${pauseLine(one, systemClock.now())}`);
  printResult(given, { paused }, lines.length === 0 ? [none] : lines);
}
