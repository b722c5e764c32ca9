/** What can happen at the account's gates, drawn at random for three processes. */
import fc from "fast-check";
import type { GatedCall } from "../../src/guard/gates.ts";

export const second = 1_000;
export const hour = 3_600_000;
export const lostMs = 40 * second;
export const calls = [
  "createUser",
  "issueAuthCode",
  "listUsers",
  "exchangeCode",
  "refreshToken",
  "fhir",
] as const;
const answers = ["fine", "throttled", "notSent", "inDoubt"] as const;
export const endings = [...answers, "credentialsRefused", "blocked"] as const;
const often = <T>(some: readonly T[], all: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...some) }, fc.constantFrom(...all));

const who = fc.nat(2);
export const event = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("begin" as const),
      who,
      call: often<GatedCall>(["createUser", "exchangeCode"], calls),
      isReserved: fc.boolean(),
      wasPostponed: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("end" as const),
      which: fc.nat(9),
      as: often(answers, endings),
      retryAfterMs: fc.option(fc.constantFrom(second, 20 * second, 600 * second), { nil: undefined }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("pass" as const),
      ms: fc.constantFrom(1, second, 6 * second, 60 * second, 310 * second),
    }),
  },
  fc.record({ type: fc.constant("look" as const), who }),
  fc.record({
    type: fc.constant("neutral" as const),
    who,
    as: fc.constantFrom("users", "blocked", "lost", "throttled", "notAsked" as const),
  }),
  fc.record({ type: fc.constant("full" as const), who, ms: fc.constantFrom(second, 300 * second) }),
  fc.record({ type: fc.constant("reopen" as const), who }),
  fc.record({
    type: fc.constant("store" as const),
    who,
    is: fc.constantFrom("there", "away", "deaf" as const),
  }),
);
export type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

const begin = (who: number, call: GatedCall): Event => ({
  type: "begin",
  who,
  call,
  isReserved: false,
  wasPostponed: false,
});
const end = (as: (typeof endings)[number], retryAfterMs?: number): Event => ({
  type: "end",
  which: 0,
  as,
  retryAfterMs,
});
const pass: Event = { type: "pass", ms: 6 * second };

/** A process probes a gate of its own while another one is told to wait: once, its probe hid that from it. */
export const ownProbeMeanwhile: readonly Event[] = [
  begin(0, "createUser"),
  end("fine"),
  { type: "store", who: 0, is: "away" },
  end("throttled", second),
  { type: "store", who: 0, is: "there" },
  pass,
  begin(0, "exchangeCode"),
  end("notSent"),
  begin(1, "exchangeCode"),
  pass,
  begin(0, "exchangeCode"),
  end("throttled", 20 * second),
  pass,
  end("inDoubt"),
];
