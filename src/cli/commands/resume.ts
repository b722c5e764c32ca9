/**
 * `oneup-lifecycle resume`: does what can be done now, for everybody.
 *
 * @module
 */
import { jsonOption } from "./arguments.ts";
import type { CommandHelp, Given } from "./arguments.ts";
import { environmentSays, openToGoOn, using, warns } from "./place.ts";
import { concurrencyOf, policyOf, summaryLine, workingOptions } from "./working.ts";

/** What `help` says. */
export const resumeHelp: CommandHelp = {
  name: "resume",
  says: "do everything that can be done now, for everybody, and end",
  more: [
    "Takes up whoever was interrupted, is due, or waits for a slot that is free. For a scheduled job, or",
    "after an outage. Other processes may work meanwhile.",
    "",
    ...environmentSays,
  ],
  options: { ...workingOptions, ...jsonOption },
};

/** Runs it; gives the exit code. */
export async function resume(given: Given, signal: AbortSignal): Promise<number> {
  const more = { ...warns, ...policyOf(given) };
  const concurrency = concurrencyOf(given);
  const done = await using(openToGoOn(given, more), (lifecycle) =>
    lifecycle.resume({ ...concurrency, signal }),
  );
  console.log(given.switches.has("json") ? JSON.stringify(done) : summaryLine(done));
  return signal.aborted ? 130 : 0;
}
