/**
 * `oneup-lifecycle diagram`: the machine as Mermaid.
 *
 * @module
 */
import { mermaid } from "../../machines/index.ts";
import type { CommandHelp, Given } from "./arguments.ts";
import { lookingSays, openToLook, placeOptions, using } from "./place.ts";

/** What `help` says. */
export const diagramHelp: CommandHelp = {
  name: "diagram",
  says: "the lifecycle as a Mermaid diagram, with how many users are in each state",
  more: [
    "With --store, or --counts and the environment, each state shows its number of users. Paste it into a",
    "Markdown file, or mermaid.live.",
    "",
    ...lookingSays,
  ],
  options: {
    counts: { type: "boolean", says: "count the users of ONEUP_STORE" },
    ...placeOptions,
    json: { type: "boolean", says: "{ mermaid, counts }, for machines" },
  },
};

/** Prints it; gives the exit code. */
export async function diagram(given: Given): Promise<number> {
  const { switches, texts } = given;
  const isCounted = switches.has("counts") || texts.has("store");
  const counts = isCounted ? await using(openToLook(given), (lifecycle) => lifecycle.counts()) : undefined;
  const drawn = mermaid(counts);
  console.log(switches.has("json") ? JSON.stringify({ mermaid: drawn, counts: counts ?? null }) : drawn);
  return 0;
}
