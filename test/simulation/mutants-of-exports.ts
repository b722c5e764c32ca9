/** Mistakes of bulk exports. Part of `mutants.ts`. */
import type { Mutant } from "./breaking.ts";

export const mutantsOfExports: readonly Mutant[] = [
  {
    name: "takes a file of an export for whole that is shorter than its count",
    at: "a-file-shorter-than-its-count-is-cut",
    when: "never",
  },
  {
    name: "begins a file of an export anew where it was cut",
    at: "a-file-that-is-cut-goes-on-behind-what-was-read",
    skip: true,
  },
  {
    name: "leaves the cursor of an export where it was",
    at: "a-cursor-moves-with-each-resource",
    skip: true,
  },
  {
    name: "sends the token wherever a file of an export is",
    at: "a-file-elsewhere-gets-no-credentials",
    becomes: () => "true",
  },
  {
    name: "ends an export for good over a page in place of the list of its files",
    at: "what-is-no-list-in-place-of-one-may-pass",
    becomes: () => "false",
  },
  {
    name: "ends an export for good over a page in place of a file",
    at: "a-page-in-place-of-a-file-may-pass",
    becomes: () => "false",
  },
];
