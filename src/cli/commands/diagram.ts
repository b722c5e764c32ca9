/**
 * `oneup-lifecycle diagram`: prints the machine as Mermaid.
 *
 * @module
 */
import { mermaid } from "../../../machines/index.ts";
import type { CommandHelp, Given } from "../arguments.ts";
import { lookingSays, openToLook, placeOptions, using } from "../open-store.ts";

/** Help of `diagram`. */
export const diagramHelp: CommandHelp = {
  name: "diagram",
  description: "print the lifecycle as a Mermaid diagram, with the number of users per state",
  more: [
    "With --store, or with --counts and ONEUP_STORE, each state shows its number of users. Paste the diagram",
    "into a Markdown file or into mermaid.live.",
    "",
    ...lookingSays,
  ],
  options: {
    counts: { type: "boolean", description: "count the users in ONEUP_STORE" },
    ...placeOptions,
    json: { type: "boolean", description: "print { mermaid, counts } as JSON" },
  },
};

/** Prints the diagram and returns the exit code. */
export async function diagram(given: Given): Promise<number> {
  const { switches, texts } = given;
  const isCounted = switches.has("counts") || texts.has("store");
  const counts = isCounted ? await using(openToLook(given), (lifecycle) => lifecycle.counts()) : undefined;
  const drawn = mermaid(counts);
  console.log(switches.has("json") ? JSON.stringify({ mermaid: drawn, counts: counts ?? null }) : drawn);
  return 0;
}
