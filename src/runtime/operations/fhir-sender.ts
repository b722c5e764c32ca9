/**
 * Sends FHIR calls within the account's limits: after a 429 for one call, all processes hold back the others.
 *
 * @module
 */
import { LifecycleError } from "../../errors.ts";
import type { Answer, Unanswered } from "../../http/call.ts";
import { retryAfterMs } from "../../http/retry-after.ts";
import type { Sender } from "../../http/send.ts";
import type { Blocked, Outcome } from "../account/account.ts";
import { slotFate } from "../engine/in-doubt.ts";
import type { Engine } from "../engine/engine.ts";
import { untilGivenUp } from "../engine/deadline.ts";
import { longestThrottlingMs } from "../options/backoff.ts";

/** A sender for FHIR calls. @throws {LifecycleError} `RATE_LIMITED` from `send()` while the endpoint is throttled */
export function fhirSender(engine: Engine): Pick<Sender, "send"> {
  const { account, clock, guard, sender } = engine;
  const limited: Pick<Sender, "send"> = {
    async send(call, options = {}) {
      const permit = account.permitFor();
      const blocked = await account.enter("fhir", permit);
      if (blocked !== null) throw throttled(blocked.until - clock.now());
      try {
        const answer = await guard.spend<Answer | Unanswered | Blocked>(
          "fhir",
          () => null,
          async (notAfter) => {
            // The gate may have closed while this call waited for its slot.
            const shut = await account.enter("fhir", permit);
            if (shut !== null) return { slot: "givenBack", value: shut };
            const value = await sender.send(call, { ...options, notAfter });
            return { slot: slotFate(value.type), value };
          },
          options.signal,
        );
        if ("until" in answer) throw throttled(answer.until - clock.now());
        await account.recordOutcome("fhir", outcomeOf(answer), permit);
        return withWaitInForce(engine, answer);
      } finally {
        await account.leave(permit); // a call that threw has shown nothing about the gate
      }
    },
  };
  return {
    send: (call, options = {}) => {
      const sending = limited.send(call, options);
      const { signal } = options;
      return signal === undefined || signal === engine.closing
        ? sending
        : untilGivenUp(clock, signal, sending);
    },
  };
}

function throttled(waitMs: number): LifecycleError {
  return new LifecycleError(
    "RATE_LIMITED",
    "Cannot call FHIR now: 1upHealth answered 429 to this account, and nothing is sent until that time is over",
    { retryable: true, retryAfterMs: Math.max(1, waitMs) },
  );
}

/** A 429 with the wait in force: calls before its end are not let through. */
function withWaitInForce({ account, clock }: Engine, answer: Answer | Unanswered): Answer | Unanswered {
  if (answer.type !== "answer" || answer.status !== 429) return answer;
  const gate = account.gates().fhir;
  const named = retryAfterMs(answer.headers, answer.receivedAt);
  const heldMs = gate.state === "open" ? named : Math.max(1, gate.until - clock.now());
  return heldMs === undefined ? answer : { ...answer, heldMs: Math.min(heldMs, longestThrottlingMs) };
}

function outcomeOf(answer: Answer | Unanswered): Outcome {
  if (answer.type !== "answer" || answer.status !== 429) return { type: answer.type };
  return { type: "throttled", retryAfterMs: retryAfterMs(answer.headers, answer.receivedAt) };
}
