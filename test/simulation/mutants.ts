/**
 * Ways to break the library on purpose. Each is a change at a seam of the product, in a copy; the simulation must notice
 * every one, or it would not notice the same mistake made by accident. README.md says how to add one.
 */
import type { Mutant, Rewrite } from "./breaking.ts";
import { mutantsOfDoubt } from "./mutants-of-doubt.ts";
import { mutantsOfAnswers } from "./mutants-of-answers.ts";
import { mutantsOfAttachments } from "./mutants-of-attachments.ts";
import { mutantsOfPassing } from "./mutants-of-passing.ts";
import { mutantsOfCauses } from "./mutants-of-causes.ts";
import { mutantsOfClocks } from "./mutants-of-clocks.ts";
import { mutantsOfEnsuring } from "./mutants-of-ensuring.ts";
import { mutantsOfEvents } from "./mutants-of-events.ts";
import { mutantsOfLeaves } from "./mutants-of-leaves.ts";
import { mutantsOfExports } from "./mutants-of-exports.ts";
import { mutantsOfMoves } from "./mutants-of-moves.ts";
import { mutantsOfNumbers } from "./mutants-of-numbers.ts";
import { mutantsOfPauses } from "./mutants-of-pauses.ts";
import { mutantsOfPurges } from "./mutants-of-purges.ts";
import { mutantsOfRestores } from "./mutants-of-restores.ts";
import { mutantsOfServers } from "./mutants-of-servers.ts";

const none: Rewrite = () => "null";
const no: Rewrite = () => "false";
const yes: Rewrite = () => "true";
/** An object without what is in it: every member is null. */
const emptied: Rewrite = (it) => `Object.fromEntries(Object.keys(${it}).map((key) => [key, null]))`;

/** All mistakes. */
export const mutants: readonly Mutant[] = [
  {
    name: "writes a user that another process has leased",
    at: "a-live-lease-keeps-others-out",
    when: "never",
  },
  { name: "calls its own repeated write a conflict", at: "a-repeated-write-is-recognised", skip: true },
  { name: "grants more slots than are free", at: "each-granted-slot-leaves-one-less", skip: true },
  {
    name: "lets imports take the places kept for people",
    at: "some-slots-are-reserved-for-people",
    when: "always",
  },
  {
    name: "makes a call without storing its intent first",
    at: "an-intent-is-saved-before-its-call-leaves",
    becomes: none,
  },
  {
    name: "counts a slot from when it was asked for",
    at: "a-slot-is-held-while-its-call-may-arrive",
    becomes: () => "0",
  },
  {
    name: "frees the slot of a call whose outcome is unknown",
    at: "a-call-without-an-outcome-keeps-its-slot",
    becomes: (_, { at }) => at("an-unsent-call-gives-its-slot-back"),
  },
  {
    name: "treats a call as over once its caller stops waiting",
    at: "a-call-without-an-outcome-keeps-its-slot",
    when: "never",
  },
  { name: "sends a call whose time has passed", at: "a-late-call-does-not-leave", skip: true },
  {
    name: "repeats a create blindly",
    at: "a-create-is-never-blind",
    becomes: (it) => `{ ...${it}, target: undefined }`,
  },
  {
    name: "looks a user up whose create may still arrive",
    at: "a-create-in-doubt-gets-time-to-arrive",
    becomes: none,
  },
  {
    name: "creates a user again that exists already",
    at: "a-user-that-exists-is-not-created",
    becomes: (it) => `{ ...${it}, target: undefined }`,
  },
  {
    name: "asks for a new code when a fresh one has not registered yet",
    at: "a-fresh-code-gets-a-second-chance",
    skip: true,
  },
  {
    name: "gives a user up when a code is spent",
    all: [
      { at: "a-spent-code-is-replaced", skip: true },
      { at: "a-day-of-refused-codes-is-the-end", becomes: (it) => `{ ...${it}, guard: undefined }` },
    ],
  },
  {
    name: "drops a grant on any error",
    at: "a-call-without-an-answer-keeps-the-grant",
    becomes: (_, { at, part }) =>
      `(${part("test")}) ? (${part("consequent")}) : ${at("without-a-refresh-token-there-is-no-grant")}`,
  },
  {
    name: "drops the refresh token when an answer brings none",
    at: "a-refresh-token-stays-until-another-comes",
    becomes: (_, { part }) => part("left"),
  },
  {
    name: "treats a failed save as done",
    all: [
      { at: "an-outcome-is-saved-in-the-end", becomes: no },
      { at: "only-what-is-saved-is-returned", does: (it) => `try { ${it} } catch {}` },
    ],
  },
  {
    name: "drops an outcome if it closes while the store refuses it",
    at: "closing-waits-for-saves",
    when: "always",
  },
  {
    name: "hands tokens out before they are saved",
    at: "only-what-is-saved-is-returned",
    does: (it) => `void (async () => { ${it} })();`,
  },
  { name: "lets a paused user sleep for ever", at: "a-pause-ends", becomes: none },
  {
    name: "disregards a pause that another process stored",
    at: "a-stored-pause-is-kept-to",
    becomes: () => "0",
  },
  {
    name: "shuts the account when one secret is refused",
    at: "each-secret-has-its-own-gate",
    becomes: () => '"any"',
  },
  { name: "never requests a changed secret", at: "a-changed-secret-is-requested", when: "always" },
  { name: "ignores Retry-After", at: "retry-after-is-waited-for", becomes: () => "1_000" },
  { name: "never probes a gate that was shut", at: "a-shut-gate-is-probed", when: "never" },
  {
    name: "moves a renamed user without asking whether it was renamed",
    at: "only-a-confirmed-rename-moves-the-user",
    when: "always",
  },
  {
    name: "leaves a user whose rename is in doubt under its old id",
    at: "a-rename-in-doubt-is-looked-up",
    becomes: (_, { at }) => at("a-refused-rename-ends-where-it-began"),
  },
  {
    name: "leaves a user under its old id whose rename a gateway answered",
    at: "a-rename-that-something-else-answers-is-looked-up",
    becomes: no,
  },
  {
    name: "leaves a user under its old id whose rename was refused without a reason",
    at: "a-rename-refused-without-a-reason-is-looked-up",
    becomes: (_, { at }) => at("a-refused-rename-ends-where-it-began"),
  },
  {
    name: "leaves a user under its old id whose new one it has itself",
    at: "a-rename-to-a-taken-id-is-looked-up",
    becomes: (_, { at }) => at("a-refused-rename-ends-where-it-began"),
  },
  {
    name: "writes a token into its log",
    all: [
      { at: "a-secret-is-redacted", becomes: (_, { at }) => at("a-secret-is-revealed") },
      {
        at: "a-log-names-users-by-alias-only",
        becomes: (_, { part }) => `JSON.stringify(${part("arguments.0.object")})`,
      },
    ],
  },
  {
    name: "keeps a token in clear beside its sealed form",
    at: "only-the-sealed-form-is-written",
    becomes: (it, { at }) => `{ ...${it}, clear: ${at("the-text-to-seal")} }`,
  },
  {
    name: "drops a store key that records are still sealed with",
    at: "a-record-is-sealed-again",
    when: "always",
  },
  {
    name: "writes a new format before it is raised",
    at: "the-format-in-use",
    becomes: (_, { at }) => at("the-newest-format"),
  },
  {
    name: "treats a key that it does not know yet as damage",
    at: "an-unknown-key-is-requested",
    when: "never",
  },
  {
    name: "leaves the old ring key in use after a rotation",
    at: "a-store-key-is-wrapped-again",
    becomes: (_, { part }) => part("argument.arguments.3"),
  },
  {
    name: "stores users of an import where no process looks for them",
    at: "an-imported-user-waits-in-its-lane",
    becomes: emptied,
  },
  {
    name: "ends an import because 1upHealth does not return its list",
    at: "an-import-does-without-the-list",
    when: "always",
  },
  { name: "counts users that have a token as left for ever", at: "a-first-token-is-an-arrival", becomes: no },
  {
    name: "calls an import done while users are left",
    at: "an-import-ends-with-its-last-user",
    when: "always",
  },
  {
    name: "treats its own first write of a user as another import's",
    at: "a-first-write-is-repeated",
    becomes: no,
  },
  {
    name: "expects users at 1upHealth that its list does not have",
    at: "only-a-listed-user-is-expected-to-exist",
    when: "never",
  },
  {
    name: "reads 1upHealth's list for users that are here already",
    at: "a-user-that-is-here-is-not-looked-for-in-the-list",
    when: "never",
  },
  { name: "reads 1upHealth's list to its end at any cost", at: "a-page-must-pay", when: "always" },
  {
    name: "leaves a user that it took over to no process",
    at: "an-adopted-user-is-scheduled",
    becomes: emptied,
  },
  {
    name: "drops the refresh token of a user that it takes over",
    at: "an-adopted-refresh-token-is-kept",
    skip: true,
  },
  {
    name: "counts a user that it took over as left in its import for ever",
    at: "an-adopted-user-has-arrived",
    skip: true,
  },
  {
    name: "creates a user again that was renamed at 1upHealth",
    at: "an-unknown-id-is-looked-up-by-its-number",
    skip: true,
  },
  {
    name: "leaves a user that was renamed at 1upHealth under its old id",
    at: "a-renamed-user-is-moved",
    when: "never",
  },
  { name: "keeps the secrets of an offboarded user", at: "an-offboarded-user-has-no-secrets", skip: true },
  {
    name: "treats a purge that was cut off as done",
    at: "a-purge-that-was-cut-goes-on",
    becomes: (_, { at }) => at("a-purge-that-is-done"),
  },
  {
    name: "treats a purge whose outcome is unknown as done",
    at: "a-purge-in-doubt-is-repeated",
    becomes: (_, { at }) => at("a-confirmed-purge-is-done"),
  },
  { name: "forgets the purge of a user once its process dies", at: "a-purge-is-scheduled", becomes: emptied },
  {
    name: "does not move a user that 1upHealth has under another id",
    at: "another-id-at-1uphealth-is-noticed",
    when: "negated",
  },
  { name: "ends 1upHealth's list with its first page", at: "a-list-has-more-than-a-page", when: "always" },
  {
    name: "trusts messages of gateways and databases",
    at: "words-decide-only-with-a-definite-status",
    becomes: yes,
  },
  {
    name: "accepts the code of another user",
    at: "an-answer-is-about-the-user-that-was-asked-for",
    skip: true,
  },
  { name: "lets an answer change a known number", at: "a-known-number-never-changes", becomes: no },
  {
    name: "gives a user up at the first refusal without a reason",
    at: "a-user-fails-after-a-day-of-refusals",
    becomes: () => "() => true",
  },
  {
    name: "treats a call that a firewall blocks as refused credentials",
    at: "a-blocked-call-does-not-concern-the-account",
    becomes: (_, { at }) => at("an-invalid-client-concerns-the-account"),
  },
  {
    name: "presents a code again while its first exchange may still arrive",
    at: "a-code-is-not-presented-while-it-may-arrive",
    becomes: (_, { at }) => at("a-code-whose-call-is-over-waits-less"),
  },
  {
    name: "presents a refresh token again while its first refresh may still arrive",
    at: "a-refresh-token-is-not-presented-while-it-may-arrive",
    becomes: (_, { at }) => at("a-refresh-token-whose-call-is-over-waits-less"),
  },
  {
    name: "treats a list of other users as an empty one",
    at: "a-list-of-others-is-no-answer",
    when: "always",
  },
  { name: "leaves the former ids of a forgotten user", at: "no-former-id-is-left", skip: true },
  {
    name: "starts over as if no user had been forgotten",
    at: "a-new-user-continues-the-revision-of-its-tombstone",
    becomes: () => "0",
  },
  {
    name: "replaces a grant by an older one that the application brings",
    at: "a-grant-is-not-replaced-by-an-adopted-one",
    becomes: (it, { whole }) => `{ ...${it}, ${whole("a-user-without-a-grant-gets-the-adopted-one")} }`,
  },
  {
    name: "takes a lost grant back that the application brings",
    at: "a-lost-grant-is-remembered",
    becomes: no,
  },
  {
    name: "holds a process back because of one user whose calls are blocked",
    at: "a-blocked-call-concerns-one-user-until-a-neutral-call-is-blocked",
    when: "always",
  },
  { name: "makes neutral calls as often as it likes", at: "neutral-calls-are-spaced", becomes: () => "0" },
  {
    name: "holds all processes back because one is behind a portal",
    at: "the-region-gate-is-of-one-process",
    becomes: no,
  },
  {
    name: "calls over and over for a user whose calls are blocked",
    at: "a-user-whose-calls-are-blocked-waits",
    becomes: none,
  },
  {
    name: "repeats a call at once for a Retry-After of 0, again and again",
    at: "each-429-in-a-row-lengthens-the-wait",
    becomes: () => "0",
  },
  {
    name: "keeps the account shut after an answer that is no 429",
    at: "any-answer-but-429-ends-a-throttling",
    becomes: no,
  },
  {
    name: "takes slots by its own limit instead of the account's",
    at: "the-stricter-limit-is-kept-to",
    becomes: (_, { part }) => part("arguments.0"),
  },
  ...mutantsOfNumbers,
  {
    name: "forgets calls that a wider window still counts",
    at: "nothing-is-forgotten-that-a-wider-window-counts",
    when: "always",
  },
  ...mutantsOfAnswers,
  ...mutantsOfCauses,
  ...mutantsOfPauses,
  ...mutantsOfServers,
  ...mutantsOfDoubt,
  ...mutantsOfEvents,
  ...mutantsOfMoves,
  ...mutantsOfEnsuring,
  ...mutantsOfExports,
  ...mutantsOfLeaves,
  ...mutantsOfRestores,
  ...mutantsOfAttachments,
  ...mutantsOfPassing,
  ...mutantsOfClocks,
  ...mutantsOfPurges,
];
