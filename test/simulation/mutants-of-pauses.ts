/** Mistakes about what an operator has stopped. Part of `mutants.ts`. */
import type { Mutant } from "./breaking.ts";

export const mutantsOfPauses: readonly Mutant[] = [
  { name: "makes calls in a pause", at: "a-pause-stops-calls", becomes: () => "null" },
  { name: "makes calls for a user that is held", at: "a-hold-stops-calls", when: "never" },
  { name: "forgets that a user is held", at: "a-hold-is-read", becomes: () => "null" },
  {
    name: "keeps to a pause whose time is over",
    at: "a-pause-ends-in-time",
    becomes: () => "() => true",
  },
  {
    name: "refreshes no token of a user that is held",
    at: "refreshes-go-on-in-a-pause",
    skip: true,
  },
  { name: "lets a user go and looks for it no more", at: "a-user-that-is-let-go-is-due", when: "never" },
];
