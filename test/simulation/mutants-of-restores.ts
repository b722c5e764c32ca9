/** Mistakes that show after a restore. Part of `mutants.ts`. */
import type { Mutant } from "./breaking.ts";

export const mutantsOfRestores: readonly Mutant[] = [
  {
    name: "waits for events behind a place that a restored store does not have",
    at: "a-place-behind-all-events-is-noticed",
    when: "never",
  },
  {
    name: "takes an event of a restored store for the one that had its number",
    at: "an-event-that-took-a-number-is-noticed",
    when: "never",
  },
  {
    name: "keeps a refresh token that is refused because it was replaced",
    at: "a-grant-that-is-refused-is-replaced",
    skip: true,
  },
];
