/**
 * Seals the ids in kept events with the store's newest key, so that the older one can be dropped.
 *
 * @module
 */
import type { Json, StoredEvent } from "../../store/contract.ts";
import type { Engine } from "../engine/engine.ts";
import { placeOf, readUserEvent } from "../user/user-event-value.ts";

/** Events read at once. */
const pageSize = 100;

/**
 * Seals again the ids that another key seals. One that cannot be opened is left as it is: its event is delivered without
 * an id.
 * @throws the signal's reason; {@link LifecycleError} `STORE_UNAVAILABLE`
 */
export async function resealEvents(engine: Engine, signal: AbortSignal): Promise<void> {
  const { outbox } = engine;
  for (let after = 0; ;) {
    signal.throwIfAborted();
    const { events } = await outbox.events.read({ after, limit: pageSize });
    await Promise.all(events.map((event) => resealEvent(engine, event)));
    const last = events.at(-1);
    if (last === undefined) return;
    after = last.number;
  }
}

async function resealEvent({ outbox, sealer }: Engine, { key, number, value }: StoredEvent): Promise<void> {
  const event = readUserEvent(value);
  if (event === null || event.id === null || event.id.key === sealer.keyId) return;
  const place = placeOf(key, event.version);
  const id = sealer.openId(place, event.id);
  if (id === null) return;
  const sealed = { ...event, id: sealer.sealId(place, id) };
  // seam: the-id-in-an-event-is-sealed-again
  await outbox.events.replace({ number, expected: value, value: sealed as unknown as Json }); // plain JSON values
}
