/**
 * Limits how often a bulk operation reports progress, also while it waits for its last users.
 *
 * @module
 */
import { linkSignals } from "../../abort.ts";
import { sleep } from "../../clock.ts";
import type { Engine } from "../engine/engine.ts";

/** When at most this many users are left, a change is reported sooner, after `soonMs`. */
const few = 1_000;
const soonMs = 200;

/** Decides when progress is due. */
export function throttle(engine: Engine, everyMs = 1_000) {
  let reportedAt: number = engine.clock.monotonic();

  return {
    /** Whether a report is due. A caller that gets `true` must report. */
    isDue(): boolean {
      const now = engine.clock.monotonic();
      if (now - reportedAt < everyMs) return false;
      reportedAt = now;
      return true;
    },

    /**
     * Reports progress until no users are left, while `help` works for them until its signal aborts. Returns the
     * last report. When few users are left, a change of one of them is reported sooner.
     *
     * @throws what `report` and `help` throw; the signal's reason
     */
    async untilNoneIsLeft<T extends { readonly left: number }>(
      report: () => Promise<T>,
      help: (signal: AbortSignal) => Promise<unknown>,
      signal: AbortSignal,
    ): Promise<T> {
      const { changes, clock } = engine;
      const stop = linkSignals(signal);
      const working = help(stop.signal);
      let trouble: { readonly error: unknown } | null = null;
      working.catch((error: unknown) => (trouble = { error }));
      try {
        for (;;) {
          signal.throwIfAborted();
          const { latest } = changes;
          const reported = await report();
          const { left } = reported;
          // seam: an-import-ends-with-its-last-user
          if (left === 0) return reported;
          const gapMs = left > few ? everyMs : Math.min(everyMs, soonMs);
          await sleep(clock, gapMs, signal);
          if (left <= few) await changes.ofAnyUser(latest, everyMs - gapMs, signal);
          if (trouble !== null) throw (trouble as { readonly error: unknown }).error; // set while this waited
        }
      } finally {
        stop.abort();
        await working.catch(() => {}); // handled above
      }
    },
  };
}
