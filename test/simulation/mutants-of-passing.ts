/** Mistakes when an id passes from one person to another, or is asked for. Part of `mutants.ts`. */
import type { Mutant } from "./breaking.ts";

export const mutantsOfPassing: readonly Mutant[] = [
  {
    name: "uses a token in memory for as long as it lives, without a look at the store",
    at: "a-token-in-memory-is-compared-with-the-store",
    becomes: () => "true",
  },
  {
    name: "goes on with a walk though its id has passed to another person",
    at: "a-client-is-for-one-person",
    when: "always",
  },
  {
    name: "believes that a former id leads to the user that it belonged to",
    at: "a-former-id-leads-to-its-own-user",
    becomes: () => "true",
  },
  {
    name: "begins the revisions of every record at 1, so that a late write meets the record of the next person",
    at: "a-new-record-has-revisions-of-its-own",
    becomes: () => "1",
  },
  {
    name: "does nothing for a caller without time to wait",
    at: "a-user-that-is-asked-for-is-run",
    when: "never",
  },
];
