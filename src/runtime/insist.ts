/**
 * Long work does not end because the store, or who holds the keys, is away for a moment.
 *
 * @module
 */
import { sleep } from "../clock.ts";
import { isLifecycleError } from "../errors.ts";
import type { Engine } from "./engine.ts";
import { fullJitter } from "./pauses.ts";
import type { Growth } from "./pauses.ts";

const beforeAnother: Growth = { firstMs: 500, longestMs: 15_000 };

/**
 * Does it, again and again while what goes wrong may pass.
 * @throws what does not pass; the signal's reason
 */
export async function insist<T>(
  { clock, settings }: Engine,
  signal: AbortSignal,
  doing: string,
  task: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await task();
    } catch (error) {
      if (!isLifecycleError(error) || !error.retryable) throw error;
      if (attempt === 1) settings.logger.warn(`Cannot ${doing} yet: ${error.message}; trying again`);
      await sleep(clock, fullJitter(beforeAnother, attempt, clock.random()), signal);
    }
  }
}
