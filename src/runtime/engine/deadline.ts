/**
 * How long a call waits for a user: until its time is over, its caller aborts, or the lifecycle closes. A store that
 * does not answer extends no wait beyond that.
 *
 * @module
 */
import { onAbort, untilAborted, withSignals } from "../../abort.ts";
import type { Clock } from "../../clock.ts";
import { timersOf, type TimersOf } from "../../shared-timer.ts";
import { type LifecycleError, storeUnavailable } from "../../errors.ts";
import type { WaitOptions } from "../options/call-options.ts";
import type { Deadline, EndSignals } from "./engine.ts";

/** Runs a task with the deadline of its call. The task's signal must not be used after the task has ended. */
export type WithDeadline = <T>(
  options: WaitOptions | undefined,
  task: (wait: Deadline) => Promise<T>,
  /** The longest duration of a call to 1upHealth that the task waits for in any case, ms. @default 0 */
  callMs?: number,
) => Promise<T>;

const defaultWaitMs = 30_000;

/**
 * How long a request made before the end of a wait may take after it, ms. The stores of this library, and functions
 * that return credentials, time out after 5 s with an error of their own; a custom store may have no timeout.
 */
export const answerMs = 6_000;
/** How long aborted work may take to end in order, ms. */
const abortGraceMs = 2_000;

/** The second of the two timers of a {@link suspendSafeTimer}, ms. */
const secondMs = abortGraceMs / 2;

/**
 * Calls `late` after `ms`. The time is split into two timers, so that a process that was suspended handles responses
 * that arrived meanwhile before the second timer fires. The returned function cancels it. `first`: timers as long as the
 * first one.
 */
export function suspendSafeTimer(
  clock: Clock,
  ms: number,
  late: () => void,
  first: TimersOf = (task) => clock.timer(ms - secondMs, task),
): () => void {
  let cancel = first(() => (cancel = clock.timer(secondMs, late)));
  return () => cancel();
}

/** Settles as the task does; once `signal`, if any, has aborted, the task has 2 s to end. @throws the signal's reason */
export function untilGivenUp<T>(clock: Clock, signal: AbortSignal | undefined, task: Promise<T>): Promise<T> {
  if (signal === undefined) return task;
  return untilAborted(signal, task, (late) => suspendSafeTimer(clock, abortGraceMs, late));
}

/**
 * Applies the deadlines of calls on a lifecycle. A call rejects as soon as its own signal aborts, and with
 * `STORE_UNAVAILABLE` if the store has not answered by the end of `waitMs` plus its time to answer.
 */
export function withDeadlines(clock: Clock, { closing, closeDeadline }: EndSignals): WithDeadline {
  const usualMs = defaultWaitMs + answerMs;
  const usual = timersOf(clock, usualMs - secondMs);
  return ({ waitMs = defaultWaitMs, signal } = {}, task, callMs = 0) => {
    const until = clock.monotonic() + waitMs;
    let over = false;
    const run = withSignals(signal, closing, (signal) => task({ until, signal, isOver: () => over }));
    return new Promise((resolve, reject) => {
      // Each in a variable: a list of functions for each call would be collected late, and with it all that they hold.
      let [cancel, unlinkClose, unlinkCaller] = [nothing, nothing, nothing];
      const end = (): void => {
        cancel();
        unlinkClose();
        unlinkCaller();
      };
      const giveUp = (reason: unknown): void => {
        end();
        reject(reason);
      };
      const late = (): void => {
        over = true;
        giveUp(tooLate());
      };
      const limitMs = Math.max(waitMs, callMs) + answerMs;
      cancel = suspendSafeTimer(clock, limitMs, late, limitMs === usualMs ? usual : undefined);
      unlinkClose = onAbort(closeDeadline, () => giveUp(closeDeadline.reason));
      if (signal !== undefined) unlinkCaller = onAbort(signal, () => giveUp(signal.reason));
      // Not with `finally()`, which makes five promises.
      run.then((value) => {
        end();
        return resolve(value);
      }, giveUp);
    });
  };
}

function nothing(): void {}

/** How long a task may keep retrying: while its caller waits, or until the signal aborts. */
export type RetryLimit = AbortSignal | Deadline;

/** The signal that ends it, and the time left, ms. */
export function retryLimit(
  clock: Clock,
  given: RetryLimit,
): { readonly signal: AbortSignal; readonly leftMs: () => number } {
  return given instanceof AbortSignal
    ? { signal: given, leftMs: () => Infinity }
    : { signal: given.signal, leftMs: () => given.until - clock.monotonic() };
}

/**
 * Call it before acting on an answer of the store: throws if that came too late.
 * @throws {LifecycleError} `STORE_UNAVAILABLE`, which the caller has already received
 */
export function inTimeFor({ isOver }: Deadline): void {
  if (isOver?.() === true) throw tooLate();
}

function tooLate(): LifecycleError {
  return storeUnavailable(
    `Cannot wait any longer: the store must answer within ${answerMs} ms after waitMs, and it has not; try again`,
  );
}
