/**
 * Makes a call that belongs to no user's record. The gates of the account, the limit of the endpoint and the lanes apply
 * to it as to every other call.
 *
 * @module
 */
import { withSignals } from "../../abort.ts";
import { type Cause, isLifecycleError, type LifecycleError } from "../../errors.ts";
import type { Answer, Call, SendOptions, Unanswered } from "../../http/call.ts";
import { causeOf, printed } from "../../http/cause.ts";
import type { StreamedAnswer } from "../../http/streaming/stream.ts";
import type { Lane } from "../../store/contract.ts";
import type { Blocked, Outcome, Permit } from "../gates/account.ts";
import { untilGivenUp } from "../engine/deadline.ts";
import { laneOfCalls, type Engine } from "../engine/engine.ts";
import { findUser, nullIfPermanent } from "../engine/load-user.ts";
import { slotFate } from "../engine/in-doubt.ts";
import { reported } from "../telemetry/call-work.ts";
import { heldBy, knowPauses, stopOfLane, stoppedError } from "../engine/stop.ts";

/** What to send, and how. `Begun`: an answer that is not read to its end. */
export interface LimitedCall<T extends Outcome, Begun extends StreamedAnswer = never> {
  /** The call as the gates know it. */
  readonly gated: "listUsers" | "fhir";
  /** The user here that it is for, if it is a single one. If an operator holds it, nothing is sent. */
  readonly subject?: string | undefined;
  /** The lane in which a management call queues. */
  readonly lane: Lane | null;
  readonly signal: AbortSignal | undefined;
  readonly onText?: SendOptions["onText"];
  /** Whether it is too late for it to leave, beside the end of its slot. */
  readonly isOver?: SendOptions["isOver"];
  /** Describes the call at the moment of sending, with the credentials in use then. */
  readonly describe: () => Call;
  /** Sends it. @default as every other call, whose answer is read whole */
  readonly send?: ((call: Call, options: SendOptions) => Promise<Answer | Begun | Unanswered>) | undefined;
  readonly read: (answer: Answer | Begun) => T;
}

/** A gate is shut, so nothing was sent. */
export type Shut = Blocked & { readonly type: "shut" };

/** What the call came to. `failedCall`: why it brought nothing, if so. */
export type LimitedOutcome<T extends Outcome> = (T | Unanswered | Shut) & {
  readonly failedCall?: Cause | null;
};

/**
 * Gate, slot, gate, call, outcome. It ends soon after its signal aborts, even if the store does not respond. Once the
 * lifecycle closes, what has been sent is still answered, and nothing else is sent.
 *
 * @param toResult makes the result of the outcome, or throws; in the same turn, which saves each FHIR call a promise
 * @throws {LifecycleError} `PAUSED` for a management call while its lane is paused; of the store; `CLOSED` if the
 * lifecycle closes before it is sent; the signal's reason
 */
export function callWithinLimits<T extends Outcome, Result, Begun extends StreamedAnswer = never>(
  engine: Engine,
  limited: LimitedCall<T, Begun>,
  toResult: (outcome: LimitedOutcome<T>) => Result | Promise<Result>,
): Promise<Result> {
  const { account, clock, closing, guard } = engine;
  if (closing.aborted) return Promise.reject(closing.reason);
  const now = clock.monotonic();
  const permit = account.permitFor(limited.subject, now);
  const isFree =
    limited.gated === "fhir" && guard.limits.fhir === null && account.enterAtOnce("fhir", permit, now);
  const { send, signal } = limited;
  const result = isFree
    ? sendAtOnce(engine, limited, permit, toResult)
    : callOnce(engine, limited, permit).then(toResult);
  const call = untilGivenUp(clock, signal, result);
  // The sender waits for most calls itself. A Set would keep their answers in memory: a table that it has outgrown refers
  // to the next one, so that once one has grown old, all that follow are kept until the next full collection.
  return isFree && send === undefined ? call : awaitedByClosing(engine, call);
}

function awaitedByClosing<T>({ calls }: Engine, call: Promise<T>): Promise<T> {
  const end = (): void => void calls.delete(call);
  calls.add(call);
  call.then(end, end); // with `finally()` a failure would count as unhandled
  return call;
}

async function callOnce<T extends Outcome, Begun extends StreamedAnswer>(
  engine: Engine,
  limited: LimitedCall<T, Begun>,
  permit: Permit,
): Promise<LimitedOutcome<T>> {
  const { account, closing, guard, sender } = engine;
  const { gated, subject, lane, signal, describe, isOver } = limited;
  const isFhir = gated === "fhir";
  const stop = isFhir ? null : await stopOfCall(engine, limited);
  if (stop !== null) throw stop;
  const blocked = account.enterAtOnce(gated, permit) ? null : await account.enter(gated, permit);
  if (blocked !== null) return { ...blocked, type: "shut" };
  const stopServing = lane && engine.lanes.join(); // users in the lanes go first, so a process has to serve them
  let outcome: LimitedOutcome<T> | LifecycleError;
  try {
    outcome = await withSignals(signal, closing, (waiting) =>
      guard.spend<LimitedOutcome<T> | LifecycleError>(
        isFhir ? "fhir" : "management",
        () => lane && laneOfCalls(engine, lane),
        async (isTooLate) => {
          // A gate may have closed, or a pause begun, while this call waited for its slot.
          const stop = isFhir ? null : await stopOfCall(engine, limited);
          if (stop !== null) return { slot: "givenBack", value: stop };
          const shut = account.enterAtOnce(gated, permit) ? null : await account.enter(gated, permit);
          if (shut !== null) return { slot: "givenBack", value: { ...shut, type: "shut" } };
          // The reason that `close()` gives.
          if (closing.aborted) return { slot: "givenBack", value: closing.reason as LifecycleError };
          const call = describe();
          const { onText, send = (call, how) => sender.send(call, { ...how, onText }) } = limited;
          const answer = isFhir // FHIR operations report themselves
            ? await send(call, { isOver: () => isTooLate() || isOver?.() === true, signal })
            : await reported(engine.recorder, call, () => sender.send(call, { isOver: isTooLate, signal }));
          const value = outcomeOf(engine, limited, call, answer);
          await account.recordOutcome(gated, value, permit);
          return { slot: slotFate(answer.type), value };
        },
        waiting,
      ),
    );
  } finally {
    stopServing?.();
    await account.abandon(permit); // a call that threw has shown nothing about the gates
  }
  if (isLifecycleError(outcome)) throw outcome;
  // Refused for credentials that have been replaced since: that proves nothing about the new ones.
  const isOutdated = outcome.type === "credentialsRefused" && account.isOutdated(permit);
  return isOutdated ? callOnce(engine, limited, account.permitFor(subject)) : outcome;
}

/** A call that needs no slot, while no gate is shut: nothing has to be waited for. */
function sendAtOnce<T extends Outcome, Result, Begun extends StreamedAnswer>(
  engine: Engine,
  limited: LimitedCall<T, Begun>,
  permit: Permit,
  toResult: (outcome: LimitedOutcome<T>) => Result | Promise<Result>,
): Promise<Result> {
  const { account, sender, settings } = engine;
  const { gated, send, signal, onText, isOver } = limited;
  const call = limited.describe();
  const notAfter = permit.enteredAt + settings.timeoutMs;
  const take = (answer: Answer | Begun | Unanswered): Result | Promise<Result> => {
    const outcome = outcomeOf(engine, limited, call, answer);
    if (account.recordAtOnce(gated, outcome, permit)) return toResult(outcome);
    return awaitedByClosing(
      engine,
      account.recordOutcome(gated, outcome, permit).then(() => toResult(outcome)),
    );
  };
  if (send === undefined) return sender.sendAndTake(call, { notAfter, isOver, signal, onText }, take);
  return send(call, { notAfter, signal }).then(take);
}

function outcomeOf<T extends Outcome, Begun extends StreamedAnswer>(
  { clock, sealer }: Engine,
  { read }: LimitedCall<T, Begun>,
  call: Call,
  answer: Answer | Begun | Unanswered,
): LimitedOutcome<T> {
  if (answer.type === "stream") return read(answer); // an answer that is wanted
  const value = answer.type === "answer" ? read(answer) : answer;
  const failed = causeOf(call, answer, value);
  if (failed === null) return value;
  const cause = printed(failed, (text) => sealer.textPrint(text));
  return { ...value, failedCall: { ...cause, attempt: 1, at: new Date(clock.now()), retryAt: null } };
}

/** Why the call must not leave now: an operator has stopped it, or what is stopped cannot be read. Never rejects. */
async function stopOfCall(
  engine: Engine,
  { lane, subject }: Pick<LimitedCall<Outcome>, "lane" | "subject">,
): Promise<LifecycleError | null> {
  try {
    await knowPauses(engine);
    // A user that has another id now, or is damaged, is not held, as far as it shows.
    const found = subject === undefined ? null : await findUser(engine, subject).catch(nullIfPermanent);
    const hold = found?.user.hold ?? null;
    const stop = hold === null ? stopOfLane(engine, lane ?? "interactive") : heldBy(hold);
    return stop && stoppedError("Cannot list users", stop, engine.clock.now());
  } catch (error) {
    if (isLifecycleError(error)) return error;
    throw error;
  }
}
