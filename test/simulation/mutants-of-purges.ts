/** Mistakes with purges that do not go as they were begun. Part of `mutants.ts`. */
import type { Mutant } from "./breaking.ts";

export const mutantsOfPurges: readonly Mutant[] = [
  {
    name: "takes a larger purge for stored because a smaller one was begun",
    at: "a-larger-purge-is-not-stored-yet",
    becomes: () => "true",
  },
  {
    name: "adopts a user though a purge from before may still arrive",
    at: "an-adopted-user-waits-for-a-late-purge",
    when: "always",
  },
  {
    name: "lets the wait for a late purge end by the clock of another process",
    at: "a-wait-ends-by-the-clock-that-stores-it",
    skip: true,
  },
  {
    name: "looks up those that leave though FHIR purges nothing",
    at: "a-leaver-is-looked-up-once-its-purge-can-leave",
    skip: true,
  },
];
