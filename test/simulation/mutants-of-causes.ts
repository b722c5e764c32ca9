/** Mistakes about why a call brought nothing. Part of `mutants.ts`. */
import type { Mutant } from "./breaking.ts";

export const mutantsOfCauses: readonly Mutant[] = [
  {
    name: "forgets with its process why a call brought nothing",
    at: "causes-outlast-the-process",
    becomes: () => "[]",
  },
  {
    name: "keeps the text of a response though that was not asked for",
    at: "texts-are-kept-if-asked-for",
    becomes: () => "true",
  },
];
