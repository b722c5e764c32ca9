/**
 * Makes a call that belongs to no user's record. The gates of the account, the limit of the endpoint and the lanes apply
 * to it as to every other call.
 *
 * @module
 */
import type { Answer, Call, Unanswered } from "../../http/call.ts";
import type { Lane } from "../../store/contract.ts";
import type { Blocked, Outcome } from "../account/account.ts";
import { untilGivenUp } from "../engine/deadline.ts";
import { laneOfCalls } from "../engine/engine.ts";
import type { Engine } from "../engine/engine.ts";
import { slotFate } from "../engine/in-doubt.ts";

/** What to send, and how. */
export interface LimitedCall<T extends Outcome> {
  /** The call as the gates know it. */
  readonly gated: "listUsers" | "fhir";
  /** The user that it is about, if it is a single one. */
  readonly about?: string | undefined;
  /** The lane in which a management call queues. */
  readonly lane: Lane | null;
  readonly signal: AbortSignal | undefined;
  /** Describes the call at the moment of sending, with the credentials in use then. */
  readonly describe: () => Call;
  readonly read: (answer: Answer) => T;
}

/** A gate is shut, so nothing was sent. */
export type Shut = Blocked & { readonly type: "shut" };

/** What the call came to. */
export type LimitedOutcome<T extends Outcome> = T | Unanswered | Shut;

/**
 * Gate, slot, gate, call, outcome. It ends soon after its signal aborts, even if the store does not respond.
 *
 * @throws {LifecycleError} of the store; the signal's reason
 */
export function callWithinLimits<T extends Outcome>(
  engine: Engine,
  limited: LimitedCall<T>,
): Promise<LimitedOutcome<T>> {
  return untilGivenUp(engine.clock, limited.signal, callOnce(engine, limited));
}

async function callOnce<T extends Outcome>(
  engine: Engine,
  limited: LimitedCall<T>,
): Promise<LimitedOutcome<T>> {
  const { account, guard, sender } = engine;
  const { gated, about, lane, signal, describe, read } = limited;
  const permit = account.permitFor(about);
  const blocked = await account.enter(gated, permit);
  if (blocked !== null) return { ...blocked, type: "shut" };
  const served = lane && engine.lanes.join(); // users in the lanes go first, so a process has to serve them
  let outcome: LimitedOutcome<T>;
  try {
    outcome = await guard.spend<LimitedOutcome<T>>(
      gated === "fhir" ? "fhir" : "management",
      () => lane && laneOfCalls(engine, lane),
      async (notAfter) => {
        // A gate may have closed while this call waited for its slot.
        const shut = await account.enter(gated, permit);
        if (shut !== null) return { slot: "givenBack", value: { ...shut, type: "shut" } };
        const answer = await sender.send(describe(), { notAfter, signal });
        const value = answer.type === "answer" ? read(answer) : answer;
        await account.recordOutcome(gated, value, permit);
        return { slot: slotFate(answer.type), value };
      },
      signal,
    );
  } finally {
    served?.();
    await account.leave(permit); // a call that threw has shown nothing about the gates
  }
  // Refused for credentials that have been replaced since: that proves nothing about the new ones.
  const isOutdated = outcome.type === "credentialsRefused" && account.isOutdated(permit);
  return isOutdated ? callOnce(engine, limited) : outcome;
}
