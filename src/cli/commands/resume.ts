/**
 * `oneup-lifecycle resume`: does what can be done now, for all users.
 *
 * @module
 */
import { jsonOption } from "../arguments.ts";
import type { CommandHelp, Given } from "../arguments.ts";
import { environmentSays, openToGoOn, using, warns } from "../open-store.ts";
import { concurrencyOf, policyOf, summaryLine, workerOptions } from "../worker-options.ts";

/** Help of `resume`. */
export const resumeHelp: CommandHelp = {
  name: "resume",
  description: "process all users that can proceed now, then exit",
  more: [
    "Processes users that were interrupted, are due, or wait for a free slot. For scheduled jobs, or after",
    "an outage. Other processes may run at the same time.",
    "",
    ...environmentSays,
  ],
  options: { ...workerOptions, ...jsonOption },
};

/** Runs it and returns the exit code. */
export async function resume(given: Given, signal: AbortSignal): Promise<number> {
  const more = { ...warns, ...policyOf(given) };
  const concurrency = concurrencyOf(given);
  const done = await using(openToGoOn(given, more), (lifecycle) =>
    lifecycle.resume({ ...concurrency, signal }),
  );
  console.log(given.switches.has("json") ? JSON.stringify(done) : summaryLine(done));
  return signal.aborted ? 130 : 0;
}
