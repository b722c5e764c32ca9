/** Mistakes about events. Part of `mutants.ts`. */
import type { Mutant } from "./breaking.ts";

export const mutantsOfEvents: readonly Mutant[] = [
  {
    name: "writes an event in another unit than the commit of its step",
    at: "events-are-in-the-commit-of-their-steps",
    becomes: () => "{}",
  },
  {
    name: "writes the event of a step again with the next one",
    at: "a-step-becomes-an-event-once",
    when: "always",
  },
  {
    name: "returns a cursor ahead of what is delivered",
    at: "the-cursor-follows-what-is-delivered",
    becomes: (it) => `${it} + 1`,
  },
  { name: "passes over events that are no longer kept", at: "a-gap-is-never-silent", when: "never" },
  { name: "leaves the events of a forgotten user", at: "a-forgotten-user-leaves-no-events", when: "never" },
  {
    name: "leaves the events of a forgotten user under an id that has passed to another one",
    at: "events-under-an-id-that-has-passed-are-withdrawn",
    when: "never",
  },
  {
    name: "does not lease a user while it forgets it",
    at: "a-user-is-leased-while-it-is-forgotten",
    becomes: (_, { at }) => at("a-tombstone-is-not-leased"),
  },
  {
    name: "writes the id of a user into its event",
    at: "an-id-is-sealed-in-its-event",
    becomes: (_, { at }) => at("the-id-of-an-event"),
  },
  {
    name: "leaves the ids in events sealed with the former key",
    at: "the-id-in-an-event-is-sealed-again",
    skip: true,
  },
  {
    name: "forgets the events of another user who had the id before",
    at: "only-the-last-stay-is-forgotten",
    becomes: () => "0",
  },
];
