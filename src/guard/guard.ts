/**
 * The account's limits: every call to an endpoint that has one needs a slot, held from the moment it is asked for until
 * the call is over. The logs of slots live in the store, so all processes share them.
 *
 * @module
 */
import { sleep } from "../clock.ts";
import type { Clock } from "../clock.ts";
import type { Commit, Forecast, Lane, Limit, Slot, SlotRequest, Store } from "../store/contract.ts";

/** A request for a slot, and until when the call may leave for the promise about the window to hold. */
export interface Ask {
  readonly slot: SlotRequest | undefined;
  /** On `clock.monotonic()`. */
  readonly notAfter: number;
}

/** The limits of the endpoints; `null`: none. */
export interface Limits {
  readonly management: Limit;
  readonly token: Limit | null;
  readonly fhir: Limit | null;
}

/** Options of {@link createGuard}. */
export interface GuardOptions {
  readonly slots: Store["slots"];
  readonly clock: Clock;
  readonly limits: Limits;
  /** The time-out of a call, ms. */
  readonly timeoutMs: number;
  /** How much later than its time-out a request may still reach the server, ms. */
  readonly graceMs: number;
}

/**
 * What becomes of the slot of a call that is over. `settled`: it counts a window from now. `givenBack`: it was not
 * needed. `counts`: the call may still be on its way, so the slot counts as it did while the call was under way.
 */
export type SlotFate = "settled" | "givenBack" | "counts";

/** The same as part of a commit. */
export function slotAfter(slot: Slot | null, fate: SlotFate): Pick<Commit, "settle" | "giveBack"> {
  if (slot === null || fate === "counts") return {};
  return fate === "givenBack" ? { giveBack: slot } : { settle: slot };
}

/** See {@link createGuard}. */
export interface Guard {
  readonly limits: Limits;
  /** How long a slot counts while its call is under way, ms. */
  readonly holdMs: number;
  /**
   * A request for a slot, to be made as part of a commit; without one where the endpoint has no limit. Ask anew for
   * every attempt: the deadline runs from here. Users queue for management calls only; `lane: null` passes them by.
   */
  ask(endpoint: keyof Limits, lane: Lane | null): Ask;
  /**
   * Waits for a slot, if the endpoint has a limit, then makes a call that belongs to no user's record. `lane` is asked
   * before every attempt.
   * @throws the signal's reason, while it waits
   */
  spend<T>(
    endpoint: keyof Limits,
    lane: () => Lane | null,
    call: (notAfter: number) => Promise<{ readonly slot: SlotFate; readonly value: T }>,
    signal?: AbortSignal,
  ): Promise<T>;
  /** Management slots in use, users who wait, and when `calls` more of `lane` will have been granted. */
  forecast(calls: number, lane: Lane): Promise<Forecast>;
}

/** Shortest and longest wait between two questions for a slot, ms: calls under way may end, and free it, sooner. */
const leastWaitMs = 10;
const longestWaitMs = 1_000;

/** How long to wait before a slot is asked for again, ms. */
export function beforeAskingAgain(retryInMs: number): number {
  return Math.min(longestWaitMs, Math.max(leastWaitMs, retryInMs));
}

/** A guard over the account's logs of slots. */
export function createGuard({ slots, clock, limits, timeoutMs, graceMs }: GuardOptions): Guard {
  const holdMs = timeoutMs + graceMs;
  const ask = (endpoint: keyof Limits, lane: Lane | null): Ask => {
    const limit = limits[endpoint];
    return {
      slot: limit === null ? undefined : { limit, holdMs, lane: endpoint === "management" ? lane : null },
      notAfter: clock.monotonic() + timeoutMs,
    };
  };

  async function slotFor(
    endpoint: keyof Limits,
    lane: () => Lane | null,
    signal: AbortSignal | undefined,
  ): Promise<{ slot: Slot | null; notAfter: number }> {
    for (;;) {
      signal?.throwIfAborted();
      const asked = ask(endpoint, lane());
      if (asked.slot === undefined) return { slot: null, notAfter: asked.notAfter };
      const answer = await slots.take(asked.slot);
      if (answer.type === "taken") return { slot: answer.slot, notAfter: asked.notAfter };
      await sleep(clock, beforeAskingAgain(answer.retryInMs), signal);
    }
  }

  return {
    limits,
    holdMs,
    ask,
    async spend(endpoint, lane, call, signal) {
      const { slot, notAfter } = await slotFor(endpoint, lane, signal);
      if (slot === null) return (await call(notAfter)).value;
      const { slot: fate, value } = await call(notAfter); // one that throws may have been sent: its slot goes on counting
      const { settle, giveBack } = slotAfter(slot, fate);
      // If the store is away the slot counts for longer than it must; what the call brought is not lost for that.
      if (settle !== undefined) await slots.settle(settle).catch(() => {});
      if (giveBack !== undefined) await slots.giveBack(giveBack).catch(() => {});
      return value;
    },
    forecast: (calls, lane) => slots.forecast({ limit: limits.management, calls, lane }),
  };
}
