/**
 * Closes a lifecycle: calls under way end and their results are saved, within a bounded time.
 *
 * @module
 */
import { inTime, systemClock } from "../clock.ts";
import { inWords, LifecycleError } from "../errors.ts";
import type { Engine, EndSignals } from "./engine/engine.ts";
import { untilGivenUp } from "./engine/deadline.ts";

/** How long a transport or a store may take to close, ms. Only one that hangs takes longer. */
const closeTimeoutMs = 10_000;

/**
 * Waits for the calls under way, including the exchange of their codes, and for their results to be saved. Saves that
 * the store refuses are retried for `2 · timeoutMs` in all. A user not saved by then keeps the record written before
 * its call, and the next process resolves it from there.
 */
export async function close(
  engine: Engine,
  { closing, closeDeadline }: Readonly<Record<keyof EndSignals, Pick<AbortController, "signal" | "abort">>>,
  drain: () => Promise<void>,
): Promise<void> {
  const { clock, sender, settings, store } = engine;
  closing.abort(closed());
  engine.recorder?.detach();
  const cancel = clock.timer(2 * settings.timeoutMs, () => closeDeadline.abort(closed()));
  try {
    await untilGivenUp(clock, closeDeadline.signal, drain());
  } catch {
    settings.logger.warn(
      { users: engine.running.size },
      `Gave up waiting for ${engine.running.size} users who could not be saved: the store is unavailable`,
    );
  } finally {
    cancel();
  }
  /** Closes it, or warns if it hangs. */
  async function closeInTime(what: string, closeIt: () => Promise<void>): Promise<void> {
    const hanging = new Error(
      `Gave up waiting for the ${what}: it has not closed within ${closeTimeoutMs} ms`,
    );
    await inTime(systemClock, closeTimeoutMs, closeIt, () => hanging).catch((error: unknown) => {
      if (error !== hanging) throw error;
      settings.logger.warn({}, hanging.message);
    });
  }
  // All calls have ended: what a transport cannot close loses nothing.
  await closeInTime("transport", () => sender.close()).catch((error: unknown) =>
    settings.logger.warn({}, `Cannot close the transport: ${inWords(error)}`),
  );
  await closeInTime("store", () => store.close()).finally(() => closeDeadline.abort(closed()));
}

export function closed(): LifecycleError {
  return new LifecycleError(
    "CLOSED",
    "Cannot go on: this lifecycle is closed; what was begun is kept, and another process resumes it",
  );
}
