/** Mistakes about the clock of a store's server. Part of `mutants.ts`. */
import type { Mutant } from "./breaking.ts";

export const mutantsOfServers: readonly Mutant[] = [
  {
    name: "follows its server's clock wherever that is set",
    at: "a-step-of-the-servers-clock-is-noticed",
    becomes: () => "false",
  },
  {
    name: "keeps the last jump of its server's clock alone",
    at: "each-jump-of-the-servers-clock-is-kept",
    becomes: () => "[]",
  },
];
