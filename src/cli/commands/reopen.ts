/**
 * `oneup-lifecycle reopen`: opens the account's gates for all processes.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import type { BudgetView, Lane, Lifecycle } from "../../index.ts";
import { momentInWords } from "../../runtime/options/time-in-words.ts";
import { byOption, doerIn } from "../arguments.ts";
import type { Command } from "../command.ts";
import { gateLine, number, plural } from "../format.ts";
import { withStore } from "../open-store.ts";
import { mostLooked, waitsOf } from "./users-in-trouble.ts";
import { printResult } from "../results.ts";

export const reopen: Command = {
  name: "reopen",
  description: "open the gates that refusals by 1upHealth have shut, in all processes",
  more: [
    "Run it when the cause is solved, e.g. the client secret is right again: calls leave at once, instead of after",
    "the next probe. A gate shuts again with the next refusal.",
    "",
    "It prints who still waits, and until when: users in a lane wait for a free slot, and a user whose own call failed",
    `goes on at its next attempt (counted over the first ${mostLooked} users that wait).`,
  ],
  example: "reopen",
  opens: "tend",
  options: byOption,
  async run(given) {
    const by = doerIn(given);
    const [{ shut }, after] = await withStore(given, async (lifecycle) => {
      const before = await lifecycle.budget.refresh();
      await lifecycle.account.reopen({ by });
      return [before, await leftOf(lifecycle)] as const;
    });
    const now = systemClock.now();
    const opened = shut.map((gate) => `Opened; until now: ${gateLine(gate, now)}`);
    printResult(given, { reopened: shut, ...after }, [
      ...(shut.length === 0 ? ["All gates were open already"] : opened),
      ...leftLines(after, now),
    ]);
  },
};

/** The users in a lane, and when the last of them is granted its call; `null`: its lane is paused without an end. */
interface MetLane {
  readonly lane: Lane;
  readonly users: number;
  readonly lastAt: Date | null;
}

/** Who waits although all gates are open. */
async function leftOf(lifecycle: Lifecycle) {
  const view = await lifecycle.budget.refresh();
  const pauses = await waitsOf(lifecycle, view);
  return {
    lanes: await lanesOf(lifecycle, view),
    pauses: pauses.filter(({ reason }) => reason !== "rateLimit" && reason !== "paused"), // those wait in a lane
  };
}

async function lanesOf(lifecycle: Lifecycle, { waiting }: BudgetView): Promise<readonly MetLane[]> {
  const lanes: MetLane[] = [];
  for (const lane of ["interactive", "recovery", "bulk"] as const) {
    const users = waiting[lane];
    if (users === 0) continue;
    const { inMs } = await lifecycle.forecast(1, lane); // one more call follows all that wait
    lanes.push({ lane, users, lastAt: inMs === Infinity ? null : new Date(systemClock.now() + inMs) });
  }
  return lanes;
}

function leftLines({ lanes, pauses }: Awaited<ReturnType<typeof leftOf>>, now: number): readonly string[] {
  const until = (lastAt: Date | null, what: string): string => {
    if (lastAt === null) return "until an operator lets them go on";
    return lastAt.getTime() <= now ? `${what} now` : `${what} by ${momentInWords(lastAt, now)}`;
  };
  return [
    ...lanes.map(
      ({ lane, users, lastAt }) =>
        `${number(users)} in the lane ${lane} for a slot: ${until(lastAt, "the last is granted one")}`,
    ),
    ...pauses.map(
      ({ reason, users, lastAt }) =>
        `${plural(users, "user")} for a reason of ${users === 1 ? "its" : "their"} own, ${reason}: ${until(lastAt, "the last goes on")}`,
    ),
  ].map((line) => `Still waiting: ${line}`);
}
