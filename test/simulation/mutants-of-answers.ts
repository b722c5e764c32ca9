/** Mistakes about what an answer means: which user it is about, and what it leaves in doubt. Part of `mutants.ts`. */
import type { Mutant, Rewrite } from "./breaking.ts";

const none: Rewrite = () => "null";
const no: Rewrite = () => "false";

export const mutantsOfAnswers: readonly Mutant[] = [
  {
    name: "lets the user that shut a gate probe it first, over and over",
    all: [
      { at: "the-user-that-shut-a-gate-lets-others-probe-it-first", when: "never" },
      { at: "a-neutral-call-precedes-that-of-the-user-that-shut-a-gate", becomes: none },
    ],
  },
  {
    name: "shuts the gate of all once more where another process received the first 429 of that user",
    at: "a-429-after-an-answered-neutral-call-is-one-users-own",
    becomes: no,
  },
  {
    name: "believes that a user has the token that another one has just got",
    at: "a-token-belongs-to-one-user",
    when: "never",
  },
  {
    name: "refreshes for ever where that brings the very token which FHIR refuses",
    at: "a-refused-token-that-comes-again-is-a-lost-grant",
    when: "never",
  },
  {
    name: "believes the tokens that come while another answer was mixed up",
    at: "what-comes-beside-a-mix-up-is-in-doubt",
    when: "never",
  },
  {
    name: "goes on with connections over which answers were mixed up",
    at: "connections-that-mix-up-answers-are-left",
    skip: true,
  },
  {
    name: "finds no slot for a neutral call while its user holds the only one",
    at: "a-neutral-call-uses-the-slot-that-its-user-was-granted",
    becomes: none,
  },
  {
    name: "presents for ever a refresh token that is refused without a reason",
    at: "a-refresh-token-refused-for-a-day-is-given-up",
    skip: true,
  },
  {
    name: "spends a code a minute on a user whose tokens FHIR refuses",
    all: [
      { at: "forced-codes-become-rarer", when: "always" },
      { at: "forced-refreshes-become-rarer", becomes: () => "60_000" },
    ],
  },
  {
    name: "keeps for ever a grant whose refreshed tokens FHIR refuses",
    at: "tokens-refused-for-a-day-are-given-up",
    skip: true,
  },
  {
    name: "gives a grant up for the first token that FHIR refuses",
    at: "a-day-of-refused-tokens-ends-a-grant",
    becomes: () => "() => true",
  },
  {
    name: "goes on in a store that was emptied",
    all: [
      { at: "another-account-is-a-lost-store", becomes: no },
      { at: "a-write-carries-the-identity-of-the-account", when: "never" },
    ],
  },
  {
    name: "tries again a second after each 429 that names no time",
    at: "a-429-without-a-time-is-waited-for",
    becomes: () => "1_000",
  },
  {
    name: "says that it left a user that another process has moved meanwhile",
    at: "a-user-that-another-process-has-moved-is-moved",
    becomes: no,
  },
  {
    name: "calls over and over for the one user that 1upHealth throttles",
    at: "a-user-that-alone-is-throttled-waits",
    becomes: none,
  },
  {
    name: "creates a user again whose create was blocked",
    at: "a-blocked-create-is-not-repeated-blindly",
    when: "never",
  },
  {
    name: "creates a user again whose create was refused without a reason",
    at: "a-create-refused-without-a-reason-is-not-repeated-blindly",
    becomes: (it) => `{ ...${it}, target: undefined }`,
  },
  {
    name: "presents a code again before it can have registered",
    at: "a-fresh-code-gets-time-to-register",
    becomes: () => "0",
  },
  {
    name: "shuts the exchange for failures of one user's exchange",
    at: "one-user-without-an-answer-shuts-no-gate",
    becomes: no,
  },
  {
    name: "shuts user management for users whose calls alone get no answer",
    at: "some-users-without-an-answer-shut-no-gate",
    becomes: () => "true",
  },
  {
    name: "spends the limit on an outage of user management",
    at: "some-users-without-an-answer-shut-no-gate",
    becomes: no,
  },
  {
    name: "claims user after user though no call can be sent",
    at: "a-process-that-can-send-nothing-holds-itself-back",
    becomes: no,
  },
  {
    name: "takes a success that names no user for a rename",
    at: "a-rename-is-done-if-its-answer-names-the-user",
    when: "always",
  },
  {
    name: "spends code after code while no exchange is answered",
    at: "one-user-without-an-answer-shuts-no-gate",
    becomes: () => "true",
  },
  {
    name: "gives a user up for a code that is refused",
    at: "a-day-of-refused-codes-is-the-end",
    becomes: (it) => `{ ...${it}, guard: undefined }`,
  },
  {
    name: "gives a user up for a contradiction",
    at: "a-day-of-contradiction-is-the-end",
    becomes: (it, { at }) => `{ ...${it}, guard: ${at("a-contradiction-is-retried")}.guard }`,
  },
  {
    name: "treats every refusal as final",
    at: "only-a-known-refusal-is-final",
    when: "always",
  },
  {
    name: "treats every message of the token endpoint as a refusal of the grant",
    at: "only-a-sentence-about-the-grant-refuses-it",
    becomes: () => "true",
  },
  {
    name: "asks the store again and again about a user that waits at a gate",
    at: "a-user-at-a-gate-is-not-run-again-at-once",
    becomes: () => "0",
  },
];
