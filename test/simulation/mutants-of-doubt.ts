/** Mistakes about a user that 1upHealth knew: what one empty or odd answer may do to it. Part of `mutants.ts`. */
import type { Mutant, Rewrite } from "./breaking.ts";

const never: Rewrite = () => "() => false";

export const mutantsOfDoubt: readonly Mutant[] = [
  { name: "gives a purge up for one empty list", at: "an-empty-list-does-not-end-a-purge", becomes: never },
  {
    name: "believes in a purge that something on the way has answered",
    at: "only-a-purge-answer-confirms-a-purge",
    becomes: () => "true",
  },
  {
    name: "forgets that a purge was requested which is not carried out",
    at: "a-purge-that-was-not-carried-out-is-remembered",
    becomes: () => "null",
  },
  {
    name: "keeps a number that came with a dead code",
    all: [
      { at: "a-number-that-came-with-a-dead-code-is-looked-up", skip: true },
      { at: "two-answers-with-two-numbers-are-looked-up", skip: true },
    ],
  },
];
