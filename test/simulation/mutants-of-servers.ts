/** Mistakes about the clock of a store's server. Part of `mutants.ts`. */
import type { Mutant } from "./breaking.ts";

export const mutantsOfServers: readonly Mutant[] = [
  {
    name: "follows its server's clock wherever that is set",
    at: "a-step-of-the-servers-clock-is-noticed",
    becomes: () => "false",
  },
  {
    name: "leaves a log as it was before its clock was set",
    at: "a-log-is-moved-as-its-clock-was-set",
    becomes: () => "0",
  },
];
