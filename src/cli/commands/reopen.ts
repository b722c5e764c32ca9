/**
 * `oneup-lifecycle reopen`: opens the account's gates for all processes.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import type { Command } from "../command.ts";
import { gateLine } from "../format.ts";
import { withStore } from "../open-store.ts";

/** See the module. */
export const reopen: Command = {
  name: "reopen",
  description: "open the gates that refusals by 1upHealth have shut, in all processes",
  more: [
    "Run it when the cause is solved, e.g. the client secret is right again: calls leave at once, instead of after",
    "the next probe. A gate shuts again with the next refusal.",
  ],
  example: "reopen",
  opens: "tend",
  json: "object",
  async run(given) {
    const { shut } = await withStore(given, async (lifecycle) => {
      const before = await lifecycle.budget.refresh();
      await lifecycle.account.reopen();
      return before;
    });
    if (given.switches.has("json")) console.log(JSON.stringify({ reopened: shut }));
    else if (shut.length === 0) console.log("All gates were open already");
    for (const gate of given.switches.has("json") ? [] : shut)
      console.log(`Opened; until now: ${gateLine(gate, systemClock.now())}`);
    return 0;
  },
};
