/**
 * The last events, and those to come.
 *
 * @module
 */
import type { Engine } from "../engine/engine.ts";
import { placeAt } from "./cursor.ts";
import { followEvents } from "./follow-events.ts";
import type { LifecycleEvent } from "./lifecycle-event.ts";

export interface RecentEvents {
  readonly events: AsyncGenerator<LifecycleEvent, void, undefined>;
  /** Whether it was written after these events were asked for. */
  isNew(event: LifecycleEvent): boolean;
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
  };
}
