/** Mistakes in a move to another store. Part of `mutants.ts`. */
import type { Mutant } from "./breaking.ts";

export const mutantsOfMoves: readonly Mutant[] = [
  {
    name: "copies a store that still takes writes",
    at: "the-source-is-fenced",
    becomes: (_, { at }) => at("the-identity-before-the-fence"),
  },
  {
    name: "moves only the first page of users",
    all: [
      { at: "a-walk-ends-behind-the-last-page", becomes: () => "true" },
      { at: "the-numbers-of-users-are-compared", when: "never" },
    ],
  },
  {
    name: "leaves the events behind",
    all: [
      { at: "events-move-too", when: "never" },
      { at: "events-are-compared-too", when: "never" },
    ],
  },
  {
    name: "takes a store that was moved for a lost one",
    at: "a-moved-store-is-not-a-lost-one",
    becomes: () => "null",
  },
  {
    name: "calls a move off, and leaves the store fenced",
    at: "a-store-gets-its-identity-back",
    becomes: (_, { at }) => at("the-identity-of-a-fenced-store"),
  },
];
