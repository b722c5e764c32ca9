/**
 * Keeps long work going while the store or the key service is briefly unavailable.
 *
 * @module
 */
import { sleep } from "../../clock.ts";
import { isLifecycleError } from "../../errors.ts";
import { todoAbout } from "../../next-step.ts";
import type { Engine } from "./engine.ts";
import { fullJitter, type Backoff } from "../options/backoff.ts";
import { errorField, retryField, type LogFields } from "../options/logger.ts";
import { retryLimit, untilGivenUp, type RetryLimit } from "./deadline.ts";

const beforeAnother: Backoff = { firstMs: 500, longestMs: 15_000 };

/**
 * Runs `task` and repeats it after retryable errors until `limit` is over. A task that continues after the signal
 * aborted is no longer waited for.
 * @throws an error that is not retryable, or persists when the time is over; the signal's reason
 */
export async function retryWrite<T>(
  engine: Engine,
  limit: RetryLimit,
  doing: string,
  task: () => Promise<T>,
): Promise<T> {
  const { clock } = engine;
  const { signal, leftMs } = retryLimit(clock, limit);
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await untilGivenUp(clock, signal, task());
    } catch (error) {
      if (!isLifecycleError(error) || !error.retryable || leftMs() <= 0) throw error;
      const ms = Math.min(leftMs(), fullJitter(beforeAnother, attempt, clock.random()));
      if (attempt === 1) warnOfRetry(engine, error, ms, `Cannot ${doing} yet: ${error.message}`);
      await sleep(clock, ms, signal);
    }
  }
}

/** Logs an error after which the task is tried again in `ms`. */
export function warnOfRetry(
  { clock, settings }: Engine,
  error: unknown,
  ms: number,
  message: string,
  about: LogFields = {},
): void {
  const fields = { ...about, error: errorField(error), retryAt: retryField(clock.now(), ms) };
  settings.logger.warn(fields, `${message}; trying again${todoAbout(error)}`);
}
