/** Mistakes of exports and leaves. Part of `mutants.ts`. */
import type { Mutant } from "./breaking.ts";

export const mutantsOfLeaves: readonly Mutant[] = [
  {
    name: "brings a user back that was forgotten while its process stood still",
    at: "a-user-forgotten-meanwhile-is-not-brought-back",
    becomes: () => "false",
  },
  {
    name: "writes the receipt of a user again after a crash",
    at: "a-user-gets-one-receipt",
    becomes: (_, { part }) => part("callee.object"),
  },
  {
    name: "notes that a user has its receipt without writing it",
    at: "a-receipt-is-kept-before-its-user-is-done",
    skip: true,
  },
  {
    name: "purges users that the export has not finished",
    at: "only-exported-users-leave",
    becomes: () => "false",
  },
  {
    name: "takes an export for finished that is not",
    at: "only-a-finished-export-counts",
    becomes: () => "true",
  },
  {
    name: "purges what an export left out",
    at: "only-a-whole-export-lets-users-leave",
    becomes: () => "true",
  },
  {
    name: "does not export what no search lists",
    at: "what-others-refer-to-is-exported",
    skip: true,
  },
  {
    name: "takes a gateway's 404 for the answer that there is no such document",
    at: "the-404-of-a-gateway-is-no-answer",
    when: "never",
  },
  {
    name: "goes on with an export of other types",
    at: "an-export-is-of-what-it-was-begun-for",
    when: "never",
  },
  {
    name: "forgets what was erased of a user once it is offboarded",
    at: "a-departure-is-noted-once",
    when: "always",
  },
];
