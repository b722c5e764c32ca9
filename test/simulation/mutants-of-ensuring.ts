/** Mistakes of `ensure()`. Part of `mutants.ts`. */
import type { Mutant } from "./breaking.ts";

export const mutantsOfEnsuring: readonly Mutant[] = [
  {
    name: "creates an ensured resource because of a search from before its lease",
    at: "an-ensure-searches-with-its-lease-in-hand",
    becomes: () => "null",
  },
  {
    name: "ends the lease of an ensured resource whose create is in doubt",
    at: "a-create-in-doubt-keeps-its-lease",
    skip: true,
  },
  {
    name: "takes a gateway's answer for the end of an ensured create",
    at: "a-gateways-answer-ends-no-create",
    when: "never",
  },
  {
    name: "ends the lease of an ensured resource before a search shows it",
    all: [
      { at: "a-created-resource-is-seen-before-its-lease-ends", becomes: () => "null" },
      { at: "a-create-in-doubt-keeps-its-lease", skip: true },
      { at: "a-created-resource-keeps-its-lease", skip: true },
    ],
  },
  {
    name: "ends the lease of an ensured resource once one replica shows it",
    at: "a-created-resource-keeps-its-lease",
    becomes: (_, { at }) => at("a-lease-without-a-create-ends"),
  },
  {
    name: "creates an ensured resource after its lease is over",
    at: "a-create-leaves-within-its-lease",
    skip: true,
  },
  {
    name: "takes a gateway's page for the refusal of a create that was carried out",
    at: "a-page-refuses-no-write",
    when: "never",
  },
  {
    name: "takes a gateway's page with 401 for the refusal of a token, and sends a create that was carried out again",
    at: "a-page-refuses-no-token",
    when: "never",
  },
];
