/**
 * `oneup-lifecycle reopen`: opens the account's gates for all processes.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import type { Command } from "../command.ts";
import { gateLine, print } from "../format.ts";
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
    const opened = shut.map((gate) => `Opened; until now: ${gateLine(gate, systemClock.now())}`);
    print(given, { reopened: shut }, shut.length === 0 ? ["All gates were open already"] : opened);
    return 0;
  },
};
