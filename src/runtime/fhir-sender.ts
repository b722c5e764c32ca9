/**
 * Sends FHIR calls within the account's limits: one that 1upHealth throttled holds back the others, in all processes.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import type { Answer, Unanswered } from "../http/call.ts";
import { retryAfterMs } from "../http/retry-after.ts";
import type { Sender } from "../http/send.ts";
import type { Barrier, Outcome } from "./account.ts";
import { slotFate } from "./doubt.ts";
import type { Engine } from "./engine.ts";

/** A sender for FHIR calls. @throws {LifecycleError} on sending, `RATE_LIMITED` while the endpoint is throttled */
export function fhirSender(engine: Engine): Pick<Sender, "send"> {
  const { account, clock, guard, sender } = engine;
  return {
    async send(call, options = {}) {
      const pass = account.pass();
      const barrier = await account.enter("fhir", pass);
      if (barrier !== null) throw throttled(barrier.until - clock.now());
      try {
        const answer = await guard.spend<Answer | Unanswered | Barrier>(
          "fhir",
          () => null,
          async (notAfter) => {
            // The gate may have been shut while this call waited for its slot.
            const shut = await account.enter("fhir", pass);
            if (shut !== null) return { slot: "givenBack", value: shut };
            const value = await sender.send(call, { ...options, notAfter });
            return { slot: slotFate(value.type), value };
          },
          options.signal,
        );
        if ("until" in answer) throw throttled(answer.until - clock.now());
        await account.heard("fhir", outcomeOf(answer), pass);
        return answer;
      } finally {
        await account.leave(pass); // a call that threw has said nothing
      }
    },
  };
}

function throttled(waitMs: number): LifecycleError {
  return new LifecycleError(
    "RATE_LIMITED",
    "Cannot call FHIR now: 1upHealth answered 429 to this account, and nothing is sent until its time is over",
    { retryable: true, retryAfterMs: Math.max(1, waitMs) },
  );
}

function outcomeOf(answer: Answer | Unanswered): Outcome {
  if (answer.type !== "answer" || answer.status !== 429) return { type: answer.type };
  return { type: "throttled", retryAfterMs: retryAfterMs(answer.headers, answer.receivedAt) };
}
