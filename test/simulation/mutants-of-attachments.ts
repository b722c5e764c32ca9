/** Mistakes of attachments. Part of `mutants.ts`. */
import type { Mutant } from "./breaking.ts";

export const mutantsOfAttachments: readonly Mutant[] = [
  {
    name: "sends the token wherever an attachment is",
    at: "an-attachment-stays-at-its-server",
    when: "never",
  },
];
