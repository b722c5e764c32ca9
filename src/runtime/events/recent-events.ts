/**
 * The last events, those to come, and the steps before them.
 *
 * @module
 */
import type { EventOutbox } from "../../store/contract.ts";
import type { Engine } from "../engine/engine.ts";
import { retryWrite } from "../engine/retry-write.ts";
import { readUserEvent, type UserEventValue } from "../user/user-event-value.ts";
import { placeAt, type Place } from "./cursor.ts";
import { followEvents } from "./follow-events.ts";
import type { LifecycleEvent } from "./lifecycle-event.ts";

/** Events read back at once. */
const pieceSize = 100;

/** A step of the past. */
export type PastStep = Pick<UserEventValue, "alias" | "from" | "to" | "at" | "process">;

export interface RecentEvents {
  readonly events: AsyncGenerator<LifecycleEvent, void, undefined>;
  /** Whether it was written after these events were asked for. */
  isNew(event: LifecycleEvent): boolean;
  /**
   * The steps before these events, back to when events were turned on: in pieces, the last one first, each read when it
   * is asked for. It waits while the store is unavailable, and ends when `signal` aborts.
   */
  earlier(signal: AbortSignal): AsyncGenerator<readonly PastStep[], void, undefined>;
}

/**
 * Up to `count` events that are kept, and then those to come, until `signal` aborts; `null` while events are off.
 * @throws {LifecycleError} `STORE_UNAVAILABLE`; the sequence as `events()`
 */
export async function recentEvents(
  engine: Engine,
  count: number,
  signal: AbortSignal,
): Promise<RecentEvents | null> {
  const { outbox, sealer } = engine;
  if (!outbox.isOn) return null;
  const { last, trimmed } = await outbox.events.read({ after: 0, limit: 1 });
  const after = { epoch: outbox.setting?.epoch ?? 1, number: Math.max(trimmed, last - count), mark: null };
  return {
    events: followEvents(engine, { after, types: null, follow: true, signal }),
    isNew: ({ cursor }) => placeAt(sealer, cursor).number > last,
    earlier: (signal) => earlier(engine, after, signal),
  };
}

async function* earlier(
  engine: Engine,
  { epoch, number }: Pick<Place, "epoch" | "number">,
  signal: AbortSignal,
): AsyncGenerator<readonly PastStep[], void, undefined> {
  for (let to = number; to > 0; to -= pieceSize) {
    const ask = { after: Math.max(0, to - pieceSize), limit: pieceSize };
    const read = (): ReturnType<EventOutbox["read"]> => engine.outbox.events.read(ask);
    const { events, trimmed } = await retryWrite(engine, signal, "read events", read);
    yield events.flatMap((stored) => {
      const step = stored.number > to ? null : readUserEvent(stored.value);
      return step?.epoch === epoch ? [step] : [];
    });
    if (ask.after <= trimmed) return;
    await engine.gather(); // a store in this process answers at once, and other work would have to wait
  }
}
