/**
 * `oneup-lifecycle reconcile`: compares the users here with 1upHealth's own list.
 *
 * @module
 */
import type { Difference, Lifecycle, ReconcileOptions, Reconciliation } from "../../index.ts";
import { someOf, wholeIn } from "../arguments.ts";
import { option, type Command, type Given } from "../command.ts";
import { number, plural, print } from "../format.ts";
import { withStore } from "../open-store.ts";
import { printError } from "../screen.ts";
import { stoppable, type Standing } from "../stopped.ts";
import { internalsOf } from "../../runtime/internals.ts";
import type { Wait } from "../../runtime/operations/forecast.ts";
import { spanInWords } from "../../runtime/options/time-in-words.ts";
import { visibleId } from "../../visible-id.ts";
import { printResult } from "../results.ts";

export const reconcile: Command = {
  name: "reconcile",
  description: "compare the users here with 1upHealth's own list, and repair what differs on request",
  more: [
    "Prints a line for each difference. It costs one management call per page, in the lane recovery. With --repair",
    "adopt, users that are only there are stored here, and a worker gets a code for each, for one call; with",
    "--repair move, records of users that were renamed there get their new id. Run it again after an interruption.",
    "",
    "After a backup was restored, run it with --repair move before any process serves users.",
  ],
  example: "reconcile --repair all",
  opens: "act",
  json: "lines",
  fails: "1upHealth's list could not be read to its end, so nothing was repaired",
  options: {
    repair: option("WHAT", "all, or adopt, or move (default: only compare)"),
    "page-size": option("N", "users per call, 1 to 1000 (default: 100)"),
  },
  async run(given, signal) {
    const onDifference = (difference: Difference): void => print(given, difference, [inWords(difference)]);
    const options = { ...optionsOf(given), onDifference, signal };
    const compare = async (): Promise<number> => {
      const { differences: _, ...found } = await withStore(given, async (lifecycle) => {
        const wait = await internalsOf(lifecycle)?.waitOfLists("recovery");
        if (wait && wait.inMs >= 1_000) printError(`${await waitInWords(lifecycle, wait)}; Ctrl-C stops it`);
        return lifecycle.reconcile(options);
      });
      printResult(given, found, summary(found));
      return found.complete ? 0 : 1;
    };
    return options.repair === false ? compare() : stoppable(given, signal, () => standing, compare);
  },
};

const standing: Standing = {
  line: "what was repaired is kept. Run the same command to compare again and repair the rest.",
};

/** What it waits for: "All slots of the limit are in use: it begins in 5 min". */
async function waitInWords(lifecycle: Lifecycle, { what, inMs }: Wait): Promise<string> {
  const begins =
    inMs === Infinity ? "it begins after oneup-lifecycle unpause" : `it begins in ${spanInWords(inMs)}`;
  if (what === "pause") return `Its calls are paused: ${begins}`;
  if (what !== "slot") return `1upHealth accepts no such calls now (${what}): ${begins}`;
  const { used, of } = await lifecycle.forecast(1, "recovery");
  return used < of
    ? `No slot of the limit is free in the lane recovery: ${begins}`
    : `All slots of the limit are in use: ${begins}`;
}

function optionsOf(given: Given): ReconcileOptions {
  const asked = given.texts.get("repair");
  const repair = asked === "all" || (asked !== undefined && someOf("repair", asked, ["adopt", "move"]));
  return { pageSize: wholeIn(given, "page-size", 1, 1_000), repair };
}

function inWords(difference: Difference): string {
  const id = "appUserId" in difference ? visibleId(difference.appUserId) : "";
  const its = `oneup_user_id ${difference.oneupUserId}`;
  switch (difference.type) {
    case "thereOnly":
      return `only at 1upHealth: ${id} (${its})`;
    case "hereOnly":
      return `only here: ${id} (${its})`;
    case "renamed":
      return `renamed at 1upHealth: ${id} is ${visibleId(difference.thereAppUserId)} there (${its})`;
    case "anotherNumber":
      return `another user at 1upHealth: ${id} (${its} here, ${difference.thereOneupUserId} there)`;
    case "inactive":
      return `inactive at 1upHealth: ${id} (${its})`;
    case "unusable":
      return `without a usable app_user_id at 1upHealth: ${its}`;
    default:
      return difference satisfies never;
  }
}

function summary(found: Omit<Reconciliation, "differences">): readonly string[] {
  const { there, here, calls, counts, complete, repaired } = found;
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return [
    `${plural(all, "difference")} between ${number(there)} users at 1upHealth and ${number(here)} here, for ${plural(calls, "call")}`,
    ...(complete ? [] : ["1upHealth's list could not be read to its end: users may be missing above"]),
    ...(repaired === null
      ? []
      : [
          `Repaired: ${number(repaired.adopted)} adopted, ${number(repaired.moved)} moved, ${number(repaired.left)} left`,
        ]),
  ];
}
