/**
 * Enforces the account's limits: every call to a limited endpoint needs a slot, which is held from the request for it
 * until the call ends. The slot logs are in the store, so all processes share them.
 *
 * @module
 */
import { sleep } from "../clock.ts";
import type {
  Commit,
  Forecast,
  Lane,
  LaterLimit,
  Limit,
  Slot,
  SlotRequest,
  Store,
} from "../store/contract.ts";
import { isServed } from "../store/lane-scheduler.ts";
import { momentOn, passedSince, type SteadyClock } from "../store/steady-time.ts";

/**
 * A request for a slot, and whether it is too late for its call to leave: it would break the limit of the rolling window,
 * and another process may have the user by then. Time in which the machine was suspended counts.
 */
export interface Ask {
  readonly slot: SlotRequest | undefined;
  readonly isOver: () => boolean;
}

/** The limits of the endpoints; `null`: unlimited. */
export interface Limits {
  readonly management: Limit;
  readonly token: Limit | null;
  readonly fhir: Limit | null;
}

/** Limits of which one may still grow. */
export interface GrowingLimits extends Limits {
  /** How the management limit grows from now on. @default not */
  readonly growth?: readonly LaterLimit[];
}

/** Options of {@link createGuard}. */
export interface GuardOptions {
  readonly slots: Store["slots"];
  readonly clock: SteadyClock;
  readonly limits: GrowingLimits;
  /** The time-out of a call, ms. */
  readonly timeoutMs: number;
  /** How much later than its time-out a request may still reach the server, ms. */
  readonly graceMs: number;
}

/**
 * What happens to the slot of a finished call. `settled`: it counts for a window from now. `givenBack`: it was not
 * needed. `counts`: the call may still arrive, so the slot keeps the time it was taken with.
 */
export type SlotFate = "settled" | "givenBack" | "counts";

/** The same as fields of a commit. */
export type SlotEnd = Pick<Commit, "settle" | "giveBack">;

/** The fields of the commit that ends a call of this slot. */
export function slotAfter(slot: Slot | null, fate: SlotFate): SlotEnd {
  if (slot === null) return {};
  // seam: a-call-without-an-outcome-keeps-its-slot
  if (fate === "counts") return {};
  // seam: an-unsent-call-gives-its-slot-back
  if (fate === "givenBack") return { giveBack: slot };
  return { settle: slot };
}

/** Ends a slot. If the store is unavailable, it counts longer than necessary. That must not lose the result of the call. */
export async function endSlot(slots: Store["slots"], slot: Slot | null, fate: SlotFate): Promise<void> {
  const { settle, giveBack } = slotAfter(slot, fate);
  if (settle !== undefined) await slots.settle(settle).catch(() => {});
  if (giveBack !== undefined) await slots.giveBack(giveBack).catch(() => {});
}

/** Grants calls within the account's limits: see {@link createGuard}. */
export interface Guard {
  readonly limits: GrowingLimits;
  /** How long a slot counts while its call is under way, ms. */
  readonly holdMs: number;
  /**
   * A request for a slot, to be made as part of a commit; without a slot if the endpoint has no limit. Create one for
   * every attempt, because the deadline starts now. Only management calls have a queue; `lane: null` skips it.
   * `refresh`: ahead of time, at the token endpoint; it leaves some of its slots to codes and to users without a token.
   */
  ask(endpoint: keyof Limits | "refresh", lane: Lane | null): Ask;
  /** Whether it is too late for a call whose slot is requested now. */
  deadline(): () => boolean;
  /**
   * Waits for a slot, if the endpoint has a limit, then makes a call that belongs to no user's record. `lane` is called
   * before every attempt.
   * @throws the signal's reason, if it aborts while waiting
   */
  spend<T>(
    endpoint: keyof Limits,
    lane: () => Lane | null,
    call: (isOver: () => boolean) => Promise<{ readonly slot: SlotFate; readonly value: T }>,
    signal?: AbortSignal,
  ): Promise<T>;
  /** Management slots in use, waiting users, and when `calls` more calls of `lane` will have been granted. */
  forecast(calls: number, lane: Lane): Promise<Forecast>;
}

/**
 * Minimum and maximum interval between requests for a slot, ms. The maximum is short, because a call in flight may end
 * early and free its slot.
 */
const leastWaitMs = 10;
const longestWaitMs = 1_000;
/** The maximum becomes a twentieth of a long wait, up to this, so that an hour costs a hundred requests, ms. */
const longestLateWaitMs = 30_000;

/** How long to wait before requesting a slot again, ms. `waitedMs`: the wait so far. */
export function beforeAskingAgain(retryInMs: number, waitedMs = 0): number {
  const longest = Math.max(longestWaitMs, Math.min(longestLateWaitMs, waitedMs / 20));
  return Math.min(longest, Math.max(leastWaitMs, retryInMs));
}

/** How many calls of the token endpoint's limit refreshes leave to codes: a tenth, at least one, never all. */
function leftToCodes({ calls }: Limit): number {
  return Math.min(calls - 1, Math.ceil(calls / 10));
}

/** A guard over the account's logs of slots. */
export function createGuard({ slots, clock, limits, timeoutMs, graceMs }: GuardOptions): Guard {
  // seam: a-slot-is-held-while-its-call-may-arrive
  const holdMs = timeoutMs + graceMs;
  const limitOf = (endpoint: keyof Limits | "refresh"): Limit | null => {
    if (endpoint !== "refresh") return limits[endpoint];
    return limits.token && { ...limits.token, calls: limits.token.calls - leftToCodes(limits.token) };
  };
  const deadline = (): (() => boolean) => {
    const asked = momentOn(clock);
    return () => passedSince(clock, asked) > timeoutMs;
  };
  const ask: Guard["ask"] = (endpoint, lane) => {
    const limit = limitOf(endpoint);
    return {
      slot: limit === null ? undefined : { limit, holdMs, lane: endpoint === "management" ? lane : null },
      isOver: deadline(),
    };
  };

  async function slotFor(
    endpoint: keyof Limits,
    lane: () => Lane | null,
    signal: AbortSignal | undefined,
  ): Promise<{ slot: Slot | null; isOver: () => boolean }> {
    const began = clock.monotonic();
    for (;;) {
      signal?.throwIfAborted();
      const asked = ask(endpoint, lane());
      if (asked.slot === undefined) return { slot: null, isOver: asked.isOver };
      const answer = await slots.take(asked.slot);
      if (answer.type === "taken") return { slot: answer.slot, isOver: asked.isOver };
      await sleep(clock, beforeAskingAgain(answer.retryInMs, clock.monotonic() - began), signal);
    }
  }

  return {
    limits,
    holdMs,
    ask,
    deadline,
    async spend(endpoint, lane, call, signal) {
      const { slot, isOver } = await slotFor(endpoint, lane, signal);
      if (slot === null) return (await call(isOver)).value;
      const { slot: fate, value } = await call(isOver); // if it throws, the call may have been sent, so its slot still counts
      await endSlot(slots, slot, fate);
      return value;
    },
    forecast: (calls, lane) =>
      slots.forecast({
        limit: onceResumed(limits.management, lane),
        later: limits.growth?.map(([inMs, limit]) => [inMs, onceResumed(limit, lane)]),
        calls,
        lane,
      }),
  };
}

/** The limit for a forecast of this lane. While it is paused its users wait too: they go before later ones once it is not. */
function onceResumed(limit: Limit, lane: Lane): Limit {
  return isServed(limit, lane) ? limit : { ...limit, paused: undefined };
}
