/**
 * `oneup-lifecycle resume`: does what can be done now, for all users.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import type { Lifecycle, WorkSummary } from "../../index.ts";
import type { Command } from "../command.ts";
import { pauseLine } from "../format.ts";
import { withStore } from "../open-store.ts";
import { printError } from "../screen.ts";
import { concurrencyOf, policyOf, summaryLine, workerOptions } from "../worker-options.ts";
import { printResult } from "../results.ts";

export const resume: Command = {
  name: "resume",
  description: "process all users that can proceed now, then exit",
  more: [
    "Processes users that were interrupted, are due, or wait for a free slot. For scheduled jobs, or after",
    "an outage. Other processes may run at the same time.",
  ],
  example: "resume",
  opens: "act",
  options: workerOptions,
  async run(given, signal) {
    const concurrency = concurrencyOf(given);
    const resumed = async (lifecycle: Lifecycle): Promise<WorkSummary> => {
      const done = await lifecycle.resume({ concurrency, signal });
      const { paused } = await lifecycle.budget.refresh();
      for (const pause of paused) printError(`Paused: ${pauseLine(pause, systemClock.now())}`);
      return done;
    };
    const done = await withStore(given, resumed, { options: policyOf(given) });
    printResult(given, done, [
      summaryLine(done),
      ...(signal.aborted ? ["Stopped: the others wait for a worker. Run the same command to continue."] : []),
    ]);
    return signal.aborted ? 130 : 0;
  },
};
