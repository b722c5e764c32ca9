/** Mistakes with clocks that are wrong by days, or stand still with their machine. Part of `mutants.ts`. */
import type { Mutant } from "./breaking.ts";

export const mutantsOfClocks: readonly Mutant[] = [
  {
    name: "takes the difference of two clocks for a day of refusals",
    at: "an-answer-adds-six-hours-to-a-span-at-most",
    becomes: (_, { part }) => part("arguments.1.arguments.1"),
  },
  {
    name: "holds a process back for as long as its clock was ahead",
    at: "a-clock-that-is-put-back-leaves-no-gate-shut",
    when: "always",
  },
  {
    name: "forgets the time for which its machine was suspended",
    at: "time-in-which-the-machine-slept-has-passed",
    becomes: (_, { part }) => part("arguments.0"),
  },
];
