/**
 * `oneup-lifecycle resume`: does what can be done now, for all users.
 *
 * @module
 */
import type { Command, Given } from "../command.ts";
import { withStore } from "../open-store.ts";
import { concurrencyOf, policyOf, summaryLine, workerOptions } from "../worker-options.ts";
import { print } from "../format.ts";

/** See the module. */
export const resume: Command = {
  name: "resume",
  description: "process all users that can proceed now, then exit",
  more: [
    "Processes users that were interrupted, are due, or wait for a free slot. For scheduled jobs, or after",
    "an outage. Other processes may run at the same time.",
  ],
  example: "resume",
  opens: "act",
  json: "object",
  options: workerOptions,
  run,
};

async function run(given: Given, signal: AbortSignal): Promise<number> {
  const concurrency = concurrencyOf(given);
  const done = await withStore(given, (lifecycle) => lifecycle.resume({ ...concurrency, signal }), {
    options: policyOf(given),
  });
  print(given, done, [summaryLine(done)]);
  return signal.aborted ? 130 : 0;
}
