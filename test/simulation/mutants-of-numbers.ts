/** Mistakes with numbers that the application names, or that an answer names. Part of `mutants.ts`. */
import type { Mutant } from "./breaking.ts";

export const mutantsOfNumbers: readonly Mutant[] = [
  {
    name: "erases the data of the user that a number named by the application belongs to",
    at: "a-number-is-confirmed-before-it-is-used",
    when: "always",
  },
  {
    name: "renames the user that a number named by the application belongs to",
    at: "a-rename-confirms-the-number-first",
    when: "never",
  },
  {
    name: "asks for ever about a user whose number is wrong",
    at: "answers-about-another-user-come-to-an-end",
    when: "never",
  },
];
