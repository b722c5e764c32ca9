import type { HistoryStep, LifecycleEvent, UserState, UserStatus } from "oneup-lifecycle";
import { describe, expectTypeOf, it } from "vitest";

// Never called: the compiler is the judge.
describe("the types of steps", () => {
  it("know the states, events and calls, so that a misspelt one is an error", () => {
    const check = (status: UserStatus, step: HistoryStep, event: LifecycleEvent): unknown => [
      // @ts-expect-error no such state
      step.to === "tokenActiv",
      // @ts-expect-error no such state
      step.from === "",
      // @ts-expect-error no such event
      step.event === "GRANTLOST",
      // @ts-expect-error no step
      step.event === "FORGOTTEN",
      // @ts-expect-error no such event
      event.type === "GRANTLOST",
      // @ts-expect-error no such state
      event.to === "tokenActiv",
      // @ts-expect-error no such call
      status.underWay === "exchangecode",
      step.event === "GRANT_LOST" && event.type === step.event && event.to === step.to,
      event.type === "FORGOTTEN" && event.to === "forgotten",
      event.type === "MOVED" || status.underWay === "exchangeCode",
    ];
    expectTypeOf(check).toBeFunction();
    expectTypeOf<HistoryStep["to"]>().toEqualTypeOf<UserState>();
  });
});
