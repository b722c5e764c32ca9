/**
 * The one gate in front of the user-management endpoint: every call needs a slot of the account's limit, held from
 * the moment it is asked for until the call is over. The log of slots lives in the store, so all processes share it.
 *
 * @module
 */
import { sleep } from "../clock.ts";
import type { Clock } from "../clock.ts";
import type { Forecast, Lane, Limit, Slot, SlotRequest, Store } from "../store/contract.ts";

/** A request for a slot, and until when the call may leave for the promise about the window to hold. */
export interface Ask {
  readonly slot: SlotRequest;
  /** On `clock.monotonic()`. */
  readonly notAfter: number;
}

/** Options of {@link createGuard}. */
export interface GuardOptions {
  readonly slots: Store["slots"];
  readonly clock: Clock;
  readonly limit: Limit;
  /** The time-out of a call, ms. */
  readonly timeoutMs: number;
  /** How much later than its time-out a request may still reach the server, ms. */
  readonly graceMs: number;
}

/** See {@link createGuard}. */
export interface Guard {
  readonly limit: Limit;
  /** How long a slot counts while its call is under way, ms. */
  readonly holdMs: number;
  /** Asks for a slot as part of a commit. Ask anew for every attempt: the deadline runs from here. */
  ask(lane: Lane): Ask;
  /**
   * Waits for a slot, then makes a call that belongs to no user's record.
   * @throws the signal's reason, while it waits
   */
  spend<T>(
    lane: Lane,
    call: (notAfter: number) => Promise<{ readonly sent: boolean; readonly value: T }>,
    signal?: AbortSignal,
  ): Promise<T>;
  /** Slots in use, users who wait, and when `calls` more of `lane` will have been granted. */
  forecast(calls: number, lane: Lane): Promise<Forecast>;
}

/** Shortest and longest wait between two questions for a slot, ms: calls under way may end, and free it, sooner. */
const leastWaitMs = 10;
const longestWaitMs = 1_000;

/** How long to wait before a slot is asked for again, ms. */
export function beforeAskingAgain(retryInMs: number): number {
  return Math.min(longestWaitMs, Math.max(leastWaitMs, retryInMs));
}

/** A guard over one log of slots. */
export function createGuard({ slots, clock, limit, timeoutMs, graceMs }: GuardOptions): Guard {
  const holdMs = timeoutMs + graceMs;
  const ask = (lane: Lane): Ask => ({
    slot: { limit, holdMs, lane },
    notAfter: clock.monotonic() + timeoutMs,
  });

  async function slotFor(
    lane: Lane,
    signal: AbortSignal | undefined,
  ): Promise<{ slot: Slot; notAfter: number }> {
    for (;;) {
      signal?.throwIfAborted();
      const asked = ask(lane);
      const answer = await slots.take(asked.slot);
      if (answer.type === "taken") return { slot: answer.slot, notAfter: asked.notAfter };
      await sleep(clock, beforeAskingAgain(answer.retryInMs), signal);
    }
  }

  return {
    limit,
    holdMs,
    ask,
    async spend(lane, call, signal) {
      const { slot, notAfter } = await slotFor(lane, signal);
      let sent = true; // unless the call says otherwise: one that threw may have been sent
      try {
        const done = await call(notAfter);
        sent = done.sent;
        return done.value;
      } finally {
        // If the store is away the slot counts for longer than it must; what the call brought is not lost for that.
        await (sent ? slots.settle(slot) : slots.giveBack(slot)).catch(() => {});
      }
    },
    forecast: (calls, lane) => slots.forecast({ limit, calls, lane }),
  };
}
