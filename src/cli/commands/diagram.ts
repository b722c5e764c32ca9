/**
 * `oneup-lifecycle diagram`: prints the machine as Mermaid.
 *
 * @module
 */
import { mermaid } from "../../../machines/index.ts";
import { flag, type Command } from "../command.ts";
import { withStore } from "../open-store.ts";
import { print } from "../format.ts";

export const diagram: Command = {
  name: "diagram",
  description: "print the lifecycle as a Mermaid diagram, with the number of users per state",
  more: [
    "With --store, or with --counts and ONEUP_STORE, each state shows its number of users. Paste the diagram",
    "into a Markdown file or into mermaid.live.",
  ],
  example: "diagram --counts",
  opens: "look",
  options: {
    counts: flag("count the users in ONEUP_STORE"),
  },
  async run(given) {
    const { switches, texts } = given;
    const isCounted = switches.has("counts") || texts.has("store");
    const counts = isCounted ? await withStore(given, (lifecycle) => lifecycle.counts()) : undefined;
    const drawn = mermaid(counts);
    print(given, { mermaid: drawn, counts: counts ?? null }, [drawn]);
  },
};
